"""The log as an outsider reads it: tiles of a folder or an address (C2SP tlog-tiles); of the hub it knows the public key."""
