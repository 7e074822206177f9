"""The SQL that the running hub uses; columns stand in the order of the dataclasses in `model`."""

from __future__ import annotations

ADD_KEY = """
INSERT INTO keys (id, owner, digest, created_at, last_used_at, revoked_at) VALUES (?, ?, ?, ?, ?, ?)
"""
KEYS = "SELECT id, owner, digest, created_at, last_used_at, revoked_at FROM keys ORDER BY created_at, rowid"
KEY_BY_DIGEST = """
SELECT id, owner, digest, created_at, last_used_at, revoked_at FROM keys WHERE digest = ?
"""
REVOKE_KEY = "UPDATE keys SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?"
TOUCH_KEY = "UPDATE keys SET last_used_at = ? WHERE id = ?"

ADD_AGENT = "INSERT INTO agents (id, owner, name, pod_state, created_at) VALUES (?, ?, ?, ?, ?)"
AGENT = "SELECT id, owner, name, pod_state, created_at FROM agents WHERE id = ?"
AGENTS = "SELECT id, owner, name, pod_state, created_at FROM agents ORDER BY name, id"
AGENTS_OF = "SELECT id, owner, name, pod_state, created_at FROM agents WHERE owner = ? ORDER BY name, id"
SET_POD_STATE = "UPDATE agents SET pod_state = ? WHERE id = ?"

PUT_SKILL = """
INSERT INTO skills (agent_id, name, sha256, bytes, updated_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (agent_id, name) DO UPDATE SET
    sha256 = excluded.sha256, bytes = excluded.bytes, updated_at = excluded.updated_at
"""
DROP_SKILL = "DELETE FROM skills WHERE agent_id = ? AND name = ?"
SKILL = "SELECT agent_id, name, sha256, bytes, updated_at FROM skills WHERE agent_id = ? AND name = ?"
SKILLS = "SELECT agent_id, name, sha256, bytes, updated_at FROM skills WHERE agent_id = ? ORDER BY name"
SKILL_COUNT = "SELECT count(*) FROM skills WHERE agent_id = ?"

AUDIT_END = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1"
APPEND = """
INSERT INTO audit
    (seq, at, action, outcome, owner, key_id, agent_id, skill, sha256, bytes, previous, hash)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
AUDIT = """
SELECT seq, at, action, outcome, owner, key_id, agent_id, skill, sha256, bytes, previous, hash
FROM audit WHERE seq > ? ORDER BY seq LIMIT ?
"""
