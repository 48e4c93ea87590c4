-- What was found out about the signatures of an envelope, and the octets that it rests on.

-- JSON: lgsp.core.signatures.finding.Examination. No row: nothing was signed, and nothing had to be.
CREATE TABLE examinations (
    sequence INTEGER PRIMARY KEY REFERENCES envelopes,
    document BLOB NOT NULL
) STRICT;

-- Certificates, CRLs, OCSP answers, time-stamps: each once, however many envelopes rest on it.
CREATE TABLE evidence (
    digest TEXT PRIMARY KEY,  -- "sha256:" + hex of the octets
    what   TEXT NOT NULL,
    octets BLOB NOT NULL
) STRICT;
