-- When a message's turn was first asked for: ceilings of turns count these.
ALTER TABLE ingress ADD COLUMN begun_at REAL;
UPDATE ingress SET begun_at = coalesce(accepted_at, attempted_at) WHERE attempts > 0;
CREATE INDEX ingress_begun ON ingress (begun_at) WHERE begun_at IS NOT NULL;
CREATE INDEX ingress_begun_of ON ingress (peer, begun_at) WHERE begun_at IS NOT NULL;
