"""Outgoing SOAP: a recipient's own web service, by its WSDL and a mapping that is configuration."""
