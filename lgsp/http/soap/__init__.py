"""The REST side once more as SOAP: the same routes, the same handlers, another grammar. Nothing is decided here."""
