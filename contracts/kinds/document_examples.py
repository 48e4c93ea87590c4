"""edXML packets in the form the national bus's own libraries write. Persons and numbers are invented."""

PACKET = """<?xml version="1.0" encoding="UTF-8"?>
<edXML xmlns="http://www.mic.gov.vn/TBT/QCVN_102_2016">
  <edXML:edXMLEnvelope xmlns:edXML="http://www.mic.gov.vn/TBT/QCVN_102_2016">
    <edXML:edXMLHeader>
      <edXML:MessageHeader>
        <edXML:From>
          <edXML:OrganId>000.00.10.H01</edXML:OrganId>
          <edXML:OrganizationInCharge>Ủy ban nhân dân tỉnh An Giang</edXML:OrganizationInCharge>
          <edXML:OrganName>Sở Nông nghiệp và Môi trường</edXML:OrganName>
          <edXML:OrganAdd>Phường Rạch Giá, tỉnh An Giang</edXML:OrganAdd>
        </edXML:From>
        <edXML:To>
          <edXML:OrganId>H01.134</edXML:OrganId>
          <edXML:OrganName>Ủy ban nhân dân xã Vĩnh Thạnh Trung</edXML:OrganName>
        </edXML:To>
        <edXML:To>
          <edXML:OrganId>H01.15</edXML:OrganId>
          <edXML:OrganName>Sở Tư pháp</edXML:OrganName>
        </edXML:To>
        <edXML:DocumentId>000.00.10.H01,2026/11/18,2217/SNNMT-VP</edXML:DocumentId>
        <edXML:Code>
          <edXML:CodeNumber>2217</edXML:CodeNumber>
          <edXML:CodeNotation>SNNMT-VP</edXML:CodeNotation>
        </edXML:Code>
        <edXML:PromulgationInfo>
          <edXML:Place>An Giang</edXML:Place>
          <edXML:PromulgationDate>2026/11/18</edXML:PromulgationDate>
        </edXML:PromulgationInfo>
        <edXML:DocumentType>
          <edXML:Type>2</edXML:Type>
          <edXML:TypeDetail>0</edXML:TypeDetail>
          <edXML:TypeName>Công văn</edXML:TypeName>
        </edXML:DocumentType>
        <edXML:Subject>Phối hợp giải quyết hồ sơ đất đai theo mô hình chính quyền địa phương hai cấp</edXML:Subject>
        <edXML:Content/>
        <edXML:OtherInfo>
          <edXML:Priority>1</edXML:Priority>
          <edXML:PageAmount>1</edXML:PageAmount>
        </edXML:OtherInfo>
        <edXML:ResponseFor>
          <edXML:OrganId>H01.15</edXML:OrganId>
          <edXML:Code>904/STP-HCTP</edXML:Code>
          <edXML:DocumentId>H01.15,2026/11/12,904/STP-HCTP</edXML:DocumentId>
          <edXML:PromulgationDate>2026/11/12</edXML:PromulgationDate>
        </edXML:ResponseFor>
        <edXML:SteeringType>0</edXML:SteeringType>
      </edXML:MessageHeader>
      <edXML:TraceHeaderList>
        <edXML:TraceHeader>
          <edXML:OrganId>000.00.10.H01</edXML:OrganId>
          <edXML:Timestamp>2026/11/18 09:30:00</edXML:Timestamp>
        </edXML:TraceHeader>
        <edXML:Bussiness>
          <edXML:BussinessDocType>0</edXML:BussinessDocType>
          <edXML:BussinessDocReason>Văn bản điện tử mới</edXML:BussinessDocReason>
          <edXML:Paper>0</edXML:Paper>
        </edXML:Bussiness>
      </edXML:TraceHeaderList>
    </edXML:edXMLHeader>
    <edXML:edXMLBody>
      <edXML:edXMLManifest version="1.0">
        <edXML:Reference>
          <edXML:ContentId>cid:cv-2217</edXML:ContentId>
          <edXML:ContentType>text/plain</edXML:ContentType>
          <edXML:AttachmentName>2217-SNNMT-VP.txt</edXML:AttachmentName>
        </edXML:Reference>
      </edXML:edXMLManifest>
    </edXML:edXMLBody>
  </edXML:edXMLEnvelope>
  <AttachmentEncoded>
    <Attachment>
      <ContentId>cid:cv-2217</ContentId>
      <AttachmentName>2217-SNNMT-VP.txt</AttachmentName>
      <ContentType>text/plain</ContentType>
      <edXML:ContentTransferEncoded
          xmlns:edXML="http://www.mic.gov.vn/TBT/QCVN_102_2016">S8OtbmggZ+G7rWkgUXXDvSBjxqEgcXVhbi4=</edXML:ContentTransferEncoded>
    </Attachment>
  </AttachmentEncoded>
</edXML>
""".encode()

RECALL = (
    PACKET.decode()
    .replace("<edXML:BussinessDocType>0<", "<edXML:BussinessDocType>1<")
    .replace(">Văn bản điện tử mới<", ">Ban hành nhầm phụ lục, đề nghị thu hồi<")
    .encode()
)

STATUS = """<?xml version="1.0" encoding="UTF-8"?>
<edXML xmlns="http://www.mic.gov.vn/TBT/QCVN_102_2016">
  <edXML:edXMLEnvelope xmlns:edXML="http://www.mic.gov.vn/TBT/QCVN_102_2016">
    <edXML:edXMLHeader>
      <edXML:MessageHeader>
        <edXML:From>
          <edXML:OrganId>H01.134</edXML:OrganId>
          <edXML:OrganName>Ủy ban nhân dân xã Vĩnh Thạnh Trung</edXML:OrganName>
        </edXML:From>
        <edXML:ResponseFor>
          <edXML:OrganId>000.00.10.H01</edXML:OrganId>
          <edXML:Code>2217/SNNMT-VP</edXML:Code>
          <edXML:DocumentId>000.00.10.H01,2026/11/18,2217/SNNMT-VP</edXML:DocumentId>
          <edXML:PromulgationDate>2026/11/18</edXML:PromulgationDate>
        </edXML:ResponseFor>
        <edXML:StatusCode>03</edXML:StatusCode>
        <edXML:Description>Văn thư đã tiếp nhận và vào sổ văn bản đến</edXML:Description>
        <edXML:Timestamp>2026/11/18 10:02:11</edXML:Timestamp>
      </edXML:MessageHeader>
    </edXML:edXMLHeader>
  </edXML:edXMLEnvelope>
</edXML>
""".encode()

ASKED_BACK = (
    STATUS.decode()
    .replace(
        """<edXML:OrganId>H01.134</edXML:OrganId>
          <edXML:OrganName>Ủy ban nhân dân xã Vĩnh Thạnh Trung</edXML:OrganName>""",
        """<edXML:OrganId>000.00.10.H01</edXML:OrganId>
          <edXML:OrganName>Sở Nông nghiệp và Môi trường</edXML:OrganName>""",
    )
    .replace("<edXML:StatusCode>03<", "<edXML:StatusCode>13<")
    .replace(">Văn thư đã tiếp nhận và vào sổ văn bản đến<", ">Ban hành nhầm phụ lục, đề nghị trả lại văn bản<")
    .replace("10:02:11", "14:20:05")
    .encode()
)
