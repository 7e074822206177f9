"""`pingagent trust`: the rules about contacts and tasks, why they decide so, and what others would decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from openclaw_install.surfaces.cli.pingagent_completion import agents_and_threads
from openclaw_install.surfaces.cli.pingagent_options import confirm, gather_ping, ping_options
from openclaw_install.surfaces.cli.reply import Reply, answered, planned

if TYPE_CHECKING:
    from collections.abc import Callable

    from openclaw_install.messaging.trust.edits import Edit

_SECTIONS = ("contact", "task")
_ACTIONS = ("block", "reject", "manual", "approve", "deny", "bridge", "execute")
_section = click.argument("policy", type=click.Choice(_SECTIONS))
_who = click.argument("who", required=False, shell_complete=agents_and_threads, metavar="[DID|@ALIAS|THREAD]")
_thread = click.argument("thread", shell_complete=agents_and_threads, metavar="DID|@ALIAS|THREAD")
_rules = click.option(
    "--with",
    "rules",
    multiple=True,
    metavar="RULE",
    help="contact:MATCH=ACTION or task:MATCH=ACTION; repeatable.",
)


@click.group("trust")
@ping_options
@click.pass_context
def trust_group(context: click.Context, /, **said: Any) -> None:
    """Say who is trusted with what: the first rule that matches decides, else the default.

    A rule's MATCH is a DID, an @alias, either with * for any characters, or * for everybody.
    """
    gather_ping(context, said)


@trust_group.command("show")
@ping_options
@_who
@click.option("--from", "first", type=click.IntRange(1, 1000), default=1, help="Rules from this one on.")
@click.pass_context
def show_command(context: click.Context, /, *, who: str | None, first: int, **said: Any) -> Reply:
    """Show the policy in force; for a thread, how its other side is trusted and what is recommended."""
    from openclaw_install.messaging.actions.recommendations import trust_status
    from openclaw_install.messaging.actions.trust import trust_policy

    if who is None:
        return _answered(context, said, "trust show", trust_policy, first_rule=first)
    return _answered(context, said, "trust show", trust_status, session=who)


@trust_group.command("explain")
@ping_options
@_who
@click.pass_context
def explain_command(context: click.Context, /, *, who: str | None, **said: Any) -> Reply:
    """Tell which rule decides about an agent, why, and what else would have matched."""
    from openclaw_install.messaging.actions.trust import trust_policy_explain

    return _answered(context, said, "trust explain", trust_policy_explain, session=who)


@trust_group.command("simulate")
@ping_options
@click.option("--did", metavar="DID", help="The supposed sender.")
@click.option("--alias", metavar="ALIAS", help="Its alias.")
@_rules
@click.pass_context
def simulate_command(
    context: click.Context, /, *, did: str | None, alias: str | None, rules: tuple[str, ...], **said: Any
) -> Reply:
    """Tell what the policy would say of a sender, also with rules that you suppose; nothing is written."""
    from openclaw_install.messaging.actions.trust import trust_policy_simulate

    return _answered(
        context, said, "trust simulate", trust_policy_simulate, did=did, alias=alias, changes=list(rules)
    )


@trust_group.command("set")
@ping_options
@_section
@click.argument("match", metavar="MATCH|default")
@click.argument("action", type=click.Choice(_ACTIONS))
@click.option(
    "--position", type=click.IntRange(1, 1000), help="The rule's place; the first that matches decides."
)
@click.option("--note", help="Kept with the rule.")
@click.pass_context
def set_command(context: click.Context, /, *, match: str, **said: Any) -> Reply:
    """Make or change a rule, or with `default` what is done where no rule matches."""
    from openclaw_install.messaging.actions.trust_changes import trust_policy_set

    options = gather_ping(context, said)
    named = {"default_only": True} if match == "default" else {"match": match}
    with options.app() as app:
        return _told("trust set", trust_policy_set(app, **said, **named, dry_run=options.dry_run))


@trust_group.command("remove")
@ping_options
@_section
@click.argument("match", metavar="MATCH")
@click.pass_context
def remove_command(context: click.Context, /, **said: Any) -> Reply:
    """Remove a rule."""
    from openclaw_install.messaging.actions.trust_changes import trust_policy_remove

    options = gather_ping(context, said)
    with options.app() as app:
        return _told("trust remove", trust_policy_remove(app, **said, dry_run=options.dry_run))


@trust_group.command("replay")
@ping_options
@click.option("--since", default="30d", show_default=True, metavar="SPAN", help="Such as 12h, 30d or 4w.")
@_rules
@click.option(
    "--without", multiple=True, metavar="RULE", help="A rule to leave out: contact:MATCH or task:MATCH."
)
@click.pass_context
def replay_command(
    context: click.Context, /, *, since: str, rules: tuple[str, ...], without: tuple[str, ...], **said: Any
) -> Reply:
    """Run a proposed policy over the recorded history, and show each decision that would change.

    Nothing is saved; `pingagent trust set` does that.
    """
    from openclaw_install.messaging.actions.trust import trust_replay
    from openclaw_install.messaging.trust.edits import read_removal, read_rule
    from openclaw_install.messaging.trust.replay import read_span

    edits: list[Edit] = [read_removal(text) for text in without]
    edits += [read_rule(text) for text in rules]
    return _answered(context, said, "trust replay", trust_replay, edits=edits, since_seconds=read_span(since))


@trust_group.command("restore")
@ping_options
@click.option("--defaults", is_flag=True, help="Write the default policy instead.")
@click.pass_context
def restore_command(context: click.Context, /, *, defaults: bool, **said: Any) -> Reply:
    """Put the last good policy back in the place of a file that is broken or gone."""
    from openclaw_install.messaging.actions.trust_changes import trust_restore

    options = gather_ping(context, said)
    what = f"{'the default' if defaults else 'the last good'} policy"
    path = options.paths().trust_policy
    if options.dry_run:
        return planned("trust restore", f"would write {what} to {path}")
    if not confirm(f"Write {what} over {path}?", options):
        return Reply("trust restore", None, ["nothing was changed"], 1)
    with options.app() as app:
        return _told("trust restore", trust_restore(app, defaults=defaults))


@trust_group.command("apply")
@ping_options
@_thread
@click.pass_context
def apply_command(context: click.Context, /, *, thread: str, **said: Any) -> Reply:
    """Do what is recommended for a thread (`pingagent trust show THREAD`)."""
    from openclaw_install.messaging.actions.recommendations import trust_apply_session_recommendation

    return _recommended(context, said, "apply", trust_apply_session_recommendation, session=thread)


@trust_group.command("dismiss")
@ping_options
@_thread
@click.option("--reason", default="", help="Kept with the decision.")
@click.pass_context
def dismiss_command(context: click.Context, /, *, thread: str, reason: str, **said: Any) -> Reply:
    """Close what is recommended for a thread; it comes back only with twice the evidence."""
    from openclaw_install.messaging.actions.recommendations import trust_dismiss_session_recommendation

    action = trust_dismiss_session_recommendation
    return _recommended(context, said, "dismiss", action, session=thread, reason=reason)


@trust_group.command("reopen")
@ping_options
@_thread
@click.pass_context
def reopen_command(context: click.Context, /, *, thread: str, **said: Any) -> Reply:
    """Open the last dismissed or superseded recommendation of a thread again."""
    from openclaw_install.messaging.actions.recommendations import trust_reopen_session_recommendation

    return _recommended(context, said, "reopen", trust_reopen_session_recommendation, session=thread)


def _recommended(
    context: click.Context, said: dict[str, Any], verb: str, action: Callable[..., Any], **given: Any
) -> Reply:
    options = gather_ping(context, said)
    if options.dry_run:
        return planned(f"trust {verb}", f"would {verb} what is recommended")
    with options.app() as app:
        return _told(f"trust {verb}", action(app, **given))


def _answered(
    context: click.Context, said: dict[str, Any], command: str, action: Callable[..., Any], **given: Any
) -> Reply:
    with gather_ping(context, said).app() as app:
        return _told(command, action(app, **given))


def _told(command: str, answer: Any) -> Reply:
    policy = getattr(answer, "policy", None)
    # A policy file that cannot be used is a blocker, whatever was asked.
    return answered(command, answer, 1 if policy and policy.problem else 0)
