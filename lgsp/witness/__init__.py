"""A witness (C2SP tlog-witness) for an agency, the post or the auditor: of the hub it knows the public key of its log."""
