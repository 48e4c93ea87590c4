-- What was found out about the signatures of an envelope, and the octets that it rests on.

-- JSON: lgsp.core.signatures.finding.Examination. No row: nothing was signed, and nothing had to be.
CREATE TABLE examinations (
    sequence bigint PRIMARY KEY,
    document bytea NOT NULL
);

-- Certificates, CRLs, OCSP answers, time-stamps: each once, however many envelopes rest on it.
CREATE TABLE evidence (
    digest text PRIMARY KEY,  -- "sha256:" + hex of the octets
    what   text NOT NULL,
    octets bytea NOT NULL
);
