"""The SELECT that finds the threads of a ledger whose oldest open message is due. Pure."""

from __future__ import annotations


def due_threads(table: str, is_open: str, due: str, order: str) -> str:
    """The SELECT of the threads whose oldest open message is due: after a thread, until a time, so many.

    It hops from thread to thread along the index: cheap with 10,000 messages in one of them.
    """
    return f"""
WITH RECURSIVE thread (id) AS (
    SELECT min(thread_id) FROM {table} WHERE {is_open} AND thread_id > ?
    UNION ALL
    SELECT (SELECT min(thread_id) FROM {table} WHERE {is_open} AND thread_id > thread.id)
    FROM thread WHERE thread.id IS NOT NULL
)
SELECT thread.id, (SELECT {due} FROM {table} WHERE {is_open} AND thread_id = thread.id
                   ORDER BY {order} LIMIT 1) AS due
FROM thread WHERE thread.id IS NOT NULL AND due <= ? LIMIT ?
"""  # noqa: S608 - our own words
