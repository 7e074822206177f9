"""`pingagent trust`: the rules about contacts and tasks, why they decide so, and what others would decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from openclaw_install.surfaces.cli.options import PingOptions, confirm
from openclaw_install.surfaces.cli.pingagent_completion import agents_and_threads
from openclaw_install.surfaces.cli.reply import Answer, Reply, planned
from openclaw_install.surfaces.cli.verbs import AppGroup, ProfileVerb

if TYPE_CHECKING:
    from openclaw_install.messaging.app import App
    from openclaw_install.messaging.models.trust import RecommendationChange
    from openclaw_install.messaging.trust.edits import Edit

_SECTIONS = ("contact", "task")
_ACTIONS = ("block", "reject", "manual", "approve", "deny", "bridge", "execute")
_section = click.argument("policy", type=click.Choice(_SECTIONS))
_who = click.argument(
    "session", required=False, shell_complete=agents_and_threads, metavar="[DID|@ALIAS|THREAD]"
)
_thread = click.argument("session", shell_complete=agents_and_threads, metavar="DID|@ALIAS|THREAD")
_rules = click.option(
    "--with",
    "rules",
    multiple=True,
    metavar="RULE",
    help="contact:MATCH=ACTION or task:MATCH=ACTION; repeatable.",
)


def _judged(answer: Any) -> Answer:
    """What a policy answered: a policy file that cannot be used is a blocker, whatever was asked."""
    return Answer(answer, 1 if answer.policy and answer.policy.problem else 0)


@click.group("trust", cls=AppGroup)
def trust_group() -> None:
    """Say who is trusted with what: the first rule that matches decides, else the default.

    A rule's MATCH is a DID, an @alias, either with * for any characters, or * for everybody.
    """


@trust_group.command("show")
@_who
@click.option("--from", "first", type=click.IntRange(1, 1000), default=1, help="Rules from this one on.")
def show_command(app: App, session: str | None, first: int) -> Answer:
    """Show the policy in force; for a thread, how its other side is trusted and what is recommended."""
    from openclaw_install.messaging.actions.recommendations import trust_status
    from openclaw_install.messaging.actions.trust import trust_policy

    if session is None:
        return _judged(trust_policy(app, first_rule=first))
    return _judged(trust_status(app, session=session))


@trust_group.command("explain")
@_who
def explain_command(app: App, **said: Any) -> Answer:
    """Tell which rule decides about an agent, why, and what else would have matched."""
    from openclaw_install.messaging.actions.trust import trust_policy_explain

    return _judged(trust_policy_explain(app, **said))


@trust_group.command("simulate")
@click.option("--did", metavar="DID", help="The supposed sender.")
@click.option("--alias", metavar="ALIAS", help="Its alias.")
@_rules
def simulate_command(app: App, rules: tuple[str, ...], **said: Any) -> Answer:
    """Tell what the policy would say of a sender, also with rules that you suppose; nothing is written."""
    from openclaw_install.messaging.actions.trust import trust_policy_simulate

    return _judged(trust_policy_simulate(app, changes=list(rules), **said))


@trust_group.command("set", cls=ProfileVerb)
@_section
@click.argument("match", metavar="MATCH|default")
@click.argument("action", type=click.Choice(_ACTIONS))
@click.option(
    "--position", type=click.IntRange(1, 1000), help="The rule's place; the first that matches decides."
)
@click.option("--note", help="Kept with the rule.")
def set_command(options: PingOptions, match: str, **said: Any) -> Answer:
    """Make or change a rule, or with `default` what is done where no rule matches."""
    from openclaw_install.messaging.actions.trust_changes import trust_policy_set

    named = {"default_only": True} if match == "default" else {"match": match}
    with options.app() as app:
        return _judged(trust_policy_set(app, **said, **named, dry_run=options.dry_run))


@trust_group.command("remove", cls=ProfileVerb)
@_section
@click.argument("match", metavar="MATCH")
def remove_command(options: PingOptions, **said: Any) -> Answer:
    """Remove a rule."""
    from openclaw_install.messaging.actions.trust_changes import trust_policy_remove

    with options.app() as app:
        return _judged(trust_policy_remove(app, **said, dry_run=options.dry_run))


@trust_group.command("replay")
@click.option("--since", default="30d", show_default=True, metavar="SPAN", help="Such as 12h, 30d or 4w.")
@_rules
@click.option(
    "--without", multiple=True, metavar="RULE", help="A rule to leave out: contact:MATCH or task:MATCH."
)
def replay_command(app: App, since: str, rules: tuple[str, ...], without: tuple[str, ...]) -> Answer:
    """Run a proposed policy over the recorded history, and show each decision that would change.

    Nothing is saved; `pingagent trust set` does that.
    """
    from openclaw_install.messaging.actions.trust import trust_replay
    from openclaw_install.messaging.trust.edits import read_removal, read_rule
    from openclaw_install.messaging.trust.replay import read_span

    edits: list[Edit] = [*map(read_removal, without), *map(read_rule, rules)]
    return _judged(trust_replay(app, edits=edits, since_seconds=read_span(since)))


@trust_group.command("restore", cls=ProfileVerb)
@click.option("--defaults", is_flag=True, help="Write the default policy instead.")
def restore_command(options: PingOptions, *, defaults: bool) -> Answer | Reply:
    """Put the last good policy back in the place of a file that is broken or gone."""
    from openclaw_install.messaging.actions.trust_changes import trust_restore

    what = f"{'the default' if defaults else 'the last good'} policy"
    path = options.paths().trust_policy
    if options.dry_run:
        return planned("trust restore", f"would write {what} to {path}")
    if not confirm(f"Write {what} over {path}?", yes=options.yes):
        return Reply("trust restore", None, ["nothing was changed"], 1)
    with options.app() as app:
        return _judged(trust_restore(app, defaults=defaults))


@trust_group.command("apply", plan="would apply what is recommended")
@_thread
def apply_command(app: App, **said: Any) -> RecommendationChange:
    """Do what is recommended for a thread (`pingagent trust show THREAD`)."""
    from openclaw_install.messaging.actions.recommendations import trust_apply_session_recommendation

    return trust_apply_session_recommendation(app, **said)


@trust_group.command("dismiss", plan="would dismiss what is recommended")
@_thread
@click.option("--reason", default="", help="Kept with the decision.")
def dismiss_command(app: App, **said: Any) -> RecommendationChange:
    """Close what is recommended for a thread; it comes back only with twice the evidence."""
    from openclaw_install.messaging.actions.recommendations import trust_dismiss_session_recommendation

    return trust_dismiss_session_recommendation(app, **said)


@trust_group.command("reopen", plan="would reopen what is recommended")
@_thread
def reopen_command(app: App, **said: Any) -> RecommendationChange:
    """Open the last dismissed or superseded recommendation of a thread again."""
    from openclaw_install.messaging.actions.recommendations import trust_reopen_session_recommendation

    return trust_reopen_session_recommendation(app, **said)
