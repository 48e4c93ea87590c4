// A web service that the npm package soap makes of a WSDL: `node service.mjs FILE.wsdl ACCOUNT PASSWORD`. Prints its address, then
// each call as a line. Who calls has to show a UsernameToken with the digest of the password, by the first binding and the second.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import soap from "soap";

const [file, account, password] = process.argv.slice(2);
const kept = new Set();

function take(operation) {
  return (call) => {
    const known = kept.has(call.MaGiaoDich);
    kept.add(call.MaGiaoDich);
    console.log(JSON.stringify({ operation, call }));
    if (call.MaGiaoDich === "LGSP-13") throw { Fault: { faultcode: "soap:Client", faultstring: "Mã giao dịch không hợp lệ" } };
    return { [`${operation}Result`]: { MaLoi: known ? "01" : "00", MoTa: "Đã nhận <&>", SoBienNhan: `BN-${call.MaGiaoDich}` } };
  };
}

const text = (value) => value?.$value ?? value ?? "";

function knows(security) {
  const token = security?.UsernameToken ?? {};
  const digested = [Buffer.from(text(token.Nonce), "base64"), Buffer.from(text(token.Created) + password)];
  const digest = createHash("sha1").update(Buffer.concat(digested)).digest("base64");
  return text(token.Username) === account && text(token.Password) === digest;
}

const operations = Object.fromEntries(["TiepNhanHoSo", "CapNhatTienDo", "NhanVanBan"].map((name) => [name, take(name)]));
const services = { CongThongTinMotCua: { CongThongTinMotCuaSoap: operations, CongThongTinMotCuaSoap12: operations } };
const server = createServer((_request, response) => response.writeHead(404).end());
server.listen(0, "127.0.0.1", () => {
  soap.listen(server, { path: "/DichVu.asmx", services, xml: readFileSync(file, "utf8") }).authenticate = knows;
  console.log(`http://127.0.0.1:${server.address().port}/DichVu.asmx`);
});
