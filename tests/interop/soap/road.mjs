// The npm package soap makes its client from the hub's WSDL and goes the whole road, in SOAP 1.1 and 1.2. Exit status 1 when
// anything is not as it should be. Arguments: a file in JSON as tests/interop/soap_roads.py writes it.

import assert from "node:assert/strict";
import crypto from "node:crypto";
import fs from "node:fs";
import soap from "soap";

const given = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#";
const XOP = "http://www.w3.org/2004/08/xop/include";
const FILE = Buffer.from("Giấy chứng nhận quyền sử dụng đất\n".repeat(500), "utf8");
const digest = (octets) => "sha256:" + crypto.createHash("sha256").update(octets).digest("hex");
let runs = 0;

async function client(token, twelve, options = {}) {
  const made = await soap.createClientAsync(`${given.url}/soap?wsdl`, { forceSoap12Headers: twelve, ...options });
  made.setEndpoint(`${given.url}/soap`);
  made.addHttpHeader("Authorization", `Bearer ${token}`);
  return made;
}

function envelope(name, body) {
  return {
    message_id: `npm-${name}-${crypto.randomUUID()}`,
    sender: given.sender,
    recipients: [given.recipient],
    kind: "case.progress/1",
    created_at: new Date().toISOString(),
    media_type: "application/json",
    body_base64: Buffer.from(body, "utf8").toString("base64"),
  };
}

async function refused(call) {
  try {
    await call();
  } catch (error) {
    const fault = error.root.Envelope.Body.Fault;
    return { fault, problem: (fault.detail ?? fault.Detail).problem };
  }
  assert.fail("a fault was expected");
}

async function road(twelve) {
  const sender = await client(given.senderToken, twelve);
  const recipient = await client(given.recipientToken, twelve);
  const name = twelve ? "1.2" : "1.1";

  // Sent with a file beside the message (MTOM); sent again: the same receipt.
  const sent = envelope(name, given.bodies[twelve ? 1 : 0]);
  const attachment = { mimetype: "application/pdf", contentId: "giay-to@npm", name: "giay-chung-nhan.pdf", body: FILE };
  const content = { "xop:Include": { attributes: { "xmlns:xop": XOP, href: "cid:giay-to@npm" } } };
  const files = [{ content, name: "giấy chứng nhận.pdf", media_type: "application/pdf" }];
  const [receipt] = await sender.sendEnvelopeAsync({ envelope: sent, file: files }, { attachments: [attachment] });
  assert.equal(receipt.result.message_id, sent.message_id);
  const swa = [{ ...files[0], content: "cid:giay-to@npm" }];
  const [again] = await sender.sendEnvelopeAsync({ envelope: sent, file: swa }, { attachments: [attachment] });
  assert.equal(again.lgsp_duplicate, "true");
  assert.equal(String(again.result.sequence), String(receipt.result.sequence));

  // The recipient's side.
  const [mailbox] = await recipient.listMailboxAsync({ limit: 100 });
  const entry = [mailbox.result.entries].flat().find((one) => one.message_id === sent.message_id);
  const [fetched] = await recipient.fetchDeliveryAsync({ delivery_id: String(entry.delivery_id) });
  assert.equal(fetched.result.envelope.body_base64, sent.body_base64);
  const attached = [fetched.result.envelope.attachments].flat()[0];
  assert.equal(attached.name, "giấy chứng nhận.pdf");
  assert.equal(attached.digest, digest(FILE));
  const [file] = await recipient.fetchAttachmentAsync({ digest: attached.digest });
  assert.equal(digest(Buffer.from(file.content, "base64")), attached.digest);
  const [done] = await recipient.acknowledgeAsync({ items: [{ delivery_id: entry.delivery_id, result: "delivered" }] });
  assert.equal([done.result.results].flat()[0].state, "delivered");

  // The sender's again: status, signed receipt, a refusal in both languages.
  const named = { sender: given.sender, message_id: sent.message_id };
  const [status] = await sender.getEnvelopeAsync(named);
  assert.equal([status.result.deliveries].flat()[0].state, "delivered");
  const [signed] = await sender.getReceiptAsync({ ...named, form: "application/jose" });
  assert.equal(Buffer.from(signed.content, "base64").toString().split(".").length, 3);
  const wrong = { ...envelope(name, given.bodies[0]), recipients: ["H01.NOWHERE"] };
  const { fault, problem } = await refused(() => sender.sendEnvelopeAsync({ envelope: wrong }));
  assert.equal(problem.code, "route.unknown_recipient");
  assert.equal(problem.field, "/recipients/0");
  assert.equal(problem.title_vi, "Không có cơ quan nhận này");
  assert.match(JSON.stringify(twelve ? fault.Code : fault.faultcode), twelve ? /Sender/ : /Client/);
  runs += 1;
}

async function signed() {
  // WS-Security: the Body and the Timestamp signed with the sender's seal.
  const sender = await client(given.senderToken, false);
  const security = () => {
    const signer = new soap.WSSecurityCert(fs.readFileSync(given.key), fs.readFileSync(given.certificate), "", {
      hasTimeStamp: true,
      signatureTransformations: [EXCLUSIVE],
      signatureAlgorithm: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
      signerOptions: { idMode: "wssecurity" },
    });
    signer.toXML = () => " "; // 1.6.1 writes a Header only for what has this, and forgot it in its own signer
    return signer;
  };
  sender.setSecurity(security());
  const sent = envelope("signed", given.bodies[2]);
  const [receipt] = await sender.sendEnvelopeAsync({ envelope: sent });
  assert.equal(receipt.result.message_id, sent.message_id);
  sender.setSecurity(security());
  const [found] = await sender.getSignaturesAsync({ sender: given.sender, message_id: sent.message_id });
  const finding = [found.result.examination.findings].flat()[0];
  assert.equal(finding.part, "message");
  assert.equal(finding.integrity, "intact");
  assert.equal(String(finding.bound), "true");
  const changed = { postProcess: (xml) => xml.replace(given.recipient, given.sender) };
  sender.setSecurity(security());
  const { problem } = await refused(() => sender.sendEnvelopeAsync({ envelope: envelope("changed", given.bodies[3]) }, changed));
  assert.equal(problem.code, "signature.not_verified");
  runs += 1;
}

await road(false);
await road(true);
await signed();
console.log(`npm soap: ${runs} roads as they should be`);
