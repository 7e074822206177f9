"""Policies, agents and desks for the tests of trust."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from openclaw_install.messaging.app import App
from openclaw_install.messaging.models import ContactState, NewMessage, Stage
from openclaw_install.messaging.store import Store
from openclaw_install.messaging.trust.match import Subject, read_match
from openclaw_install.messaging.trust.policy import ACTIONS, Policy, Rule, Rules, Section
from openclaw_install.messaging.trust.policy_file import TrustBook
from openclaw_install.protocol.did import conversation_of, did_of
from openclaw_install.protocol.header import new_message_id
from openclaw_install.protocol.identity import Identity, new_identity
from openclaw_install.protocol.messages import TASK, TEXT

NOW = 1_800_000_000.0
DAY = 86_400.0


def did(number: int) -> str:
    """The DID of agent `number`."""
    return did_of(number.to_bytes(32, "big"))


def rules(section: Section, *pairs: tuple[str, str], default: str | None = None) -> Rules:
    """A section with rules `(match, action)`."""
    made: list[Any] = [Rule(read_match(match), action) for match, action in pairs]  # type: ignore[arg-type]
    fallback: Any = default or {"contact": "manual", "task": "bridge"}[section]
    return Rules(section, fallback, tuple(made))


def policy(*, contact: Rules | None = None, task: Rules | None = None) -> Policy:
    return Policy(contact or rules("contact"), task or rules("task"))


# Few names, so that rules and agents meet often.
ALIASES = st.sampled_from([None, "a", "ab", "acme", "acme-bot", "bot-acme", "acme.x-bot"])
DIDS = st.sampled_from([None, *(did(number) for number in range(4))])
SUBJECTS = st.builds(Subject, DIDS, ALIASES)
MATCHES = st.one_of(
    st.sampled_from([did(number) for number in range(4)]),
    st.sampled_from([did(0)[:14] + "*", "did:agent:*", "did:agent:*" + did(1)[-2:], "*"]),
    st.text("ab-*c", min_size=1, max_size=6).map(lambda text: f"@{text}"),
    st.sampled_from(["@acme", "@acme*", "@*bot", "@acme*bot", "@*-*", "@*c*e*", "@*"]),
).map(read_match)


def sections(name: Section) -> st.SearchStrategy[Rules]:
    actions = st.sampled_from(ACTIONS[name])
    listed = st.lists(st.builds(Rule, MATCHES, actions), max_size=7)
    return st.builds(Rules, st.just(name), actions, listed.map(tuple))


POLICIES = st.builds(Policy, sections("contact"), sections("task"))


@dataclass
class Place:
    """A store and a policy file with a clock that the test turns."""

    folder: Path
    store: Store
    me: Identity
    now: float = NOW
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 10**9)))

    @property
    def file(self) -> Path:
        return self.folder / "trust-policy.json"

    def desk(self, caller: str = "cli:alice") -> App:
        return App(
            self.store, self.me, caller, clock=lambda: self.now, trust=TrustBook(self.file, self.store)
        )

    def write(self, document: Any) -> None:
        """Puts a policy where an editor would."""
        self.file.write_text(json.dumps(document, indent=2), encoding="utf-8")

    def thread(self, who: str) -> str:
        return conversation_of(self.me.did, who)

    def meet(
        self, who: str, state: ContactState = "pending", *, alias: str | None = None, by: str | None = None
    ) -> str:
        """A contact that wrote first."""
        by = by or (None if state == "pending" else "cli:alice")
        self.store.contacts.add(who, state, "inbound", self.now, by=by)
        if alias:
            self.store.contacts.set_card(who, "{}", self.now, alias=alias, display_name=None)
        return who

    def receive(self, who: str, *, schema: str = TEXT, stage: Stage = "accepted") -> str:
        """A message of theirs."""
        body = {"task_id": "t1", "title": "work"} if schema == TASK else {"text": "hello"}
        number, message_id = self._add("in", who, schema, body, stage)
        self.store.ingress.add(number, self.thread(who), who, "log", next(self.numbers), stage)
        if stage == "pending":
            self.store.contacts.add_waiting(who, 1)
        return message_id

    def answer(self, who: str, state: str = "committed") -> None:
        """A message of ours."""
        self._add("out", who, TEXT, {"text": "yes"}, state)

    def _add(
        self, direction: Any, who: str, schema: str, body: dict[str, Any], state: str
    ) -> tuple[int, str]:
        self.now += 1
        message_id = new_message_id(self.now)
        sender = who if direction == "in" else self.me.did
        new = NewMessage(
            direction=direction,
            sender=sender,
            message_id=message_id,
            thread_id=self.thread(who),
            peer=who,
            schema=schema,
            body=body,
            sent_at=self.now,
            known_at=self.now,
            state=state,
        )
        number = self.store.messages.add(new)
        self.store.sessions.touch(self.thread(who), who, number, direction, "hello", self.now)
        return number, message_id


@contextmanager
def place(folder: Path) -> Iterator[Place]:
    """An agent's files below `folder`."""
    with Store(folder / "store.db") as store:
        yield Place(folder, store, new_identity(NOW))
