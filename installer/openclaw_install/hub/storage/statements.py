"""The SQL of the hub's metadata; columns and values go by the names of the fields in `model`."""

from __future__ import annotations

from dataclasses import fields

from openclaw_install.hub.model import Agent, AuditRow, Key, Skill


def names(record: type) -> list[str]:
    """The columns that a record is made of: its fields."""
    return [field.name for field in fields(record)]


def select(record: type, table: str) -> str:
    """A query that gives every column of a record; a condition may follow."""
    return f"SELECT {', '.join(names(record))} FROM {table} "  # noqa: S608 - names of ours


def insert(table: str, columns: list[str]) -> str:
    """A statement that adds a row; the values come in the order of the columns."""
    values = ", ".join("?" for _ in columns)
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values})"  # noqa: S608 - names of ours


def upsert(table: str, columns: list[str], *key: str) -> str:
    """The same, in place of the row with this key where there is one."""
    new = ", ".join(f"{column} = excluded.{column}" for column in columns if column not in key)
    return f"{insert(table, columns)} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {new}"


_KEYS = select(Key, "keys")
ADD_KEY = insert("keys", [*names(Key), "digest"])
KEYS = _KEYS + "ORDER BY created_at, rowid"
KEY_BY_DIGEST = _KEYS + "WHERE digest = ?"
REVOKE_KEY = "UPDATE keys SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?"
TOUCH_KEY = "UPDATE keys SET last_used_at = ? WHERE id = ?"

_AGENTS = select(Agent, "agents")
ADD_AGENT = insert("agents", names(Agent))
AGENT = _AGENTS + "WHERE id = ?"
AGENTS = _AGENTS + "ORDER BY name, id"
AGENTS_OF = _AGENTS + "WHERE owner = ? ORDER BY name, id"
SET_POD_STATE = "UPDATE agents SET pod_state = ? WHERE id = ?"

_SKILLS = select(Skill, "skills")
PUT_SKILL = upsert("skills", names(Skill), "agent_id", "name")
DROP_SKILL = "DELETE FROM skills WHERE agent_id = ? AND name = ?"
SKILLS = _SKILLS + "WHERE agent_id = ? ORDER BY name"
SKILL_COUNT = "SELECT count(*) FROM skills WHERE agent_id = ?"

AUDIT_END = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1"
APPEND = insert("audit", names(AuditRow))
AUDIT = select(AuditRow, "audit") + "WHERE seq > ? ORDER BY seq LIMIT ?"
