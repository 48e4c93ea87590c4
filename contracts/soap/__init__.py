"""SOAP 1.1 and 1.2 as octets: messages, their attachments and their faults. Pure; who calls and what is done stands elsewhere."""
