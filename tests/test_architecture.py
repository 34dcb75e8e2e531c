"""Rules of the architecture: layers, places of libraries, small files, mirrored tests."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "p2pchat").rglob("*.py"))
MAX_LINES = 400

TESTED_ELSEWHERE = {
    "p2pchat/__main__.py": "tests/cli/test_start_up.py",
    "p2pchat/callbacks.py": "tests/net/test_link.py",
    "p2pchat/protocol/dialects.py": "tests/protocol/test_original.py",
    "p2pchat/protocol/circuit.py": "tests/registry/server/test_relay.py",
    "p2pchat/protocol/meeting.py": "tests/conformance/test_meeting.py",
    "p2pchat/net/bound_socket.py": "tests/net/test_endpoints.py",
    "p2pchat/net/udp_socket.py": "tests/net/test_endpoints.py",
    "p2pchat/peer/reach/reachability.py": "tests/scenarios/test_lan.py",
    "p2pchat/peer/chat/surroundings.py": "tests/peer/chat/test_conversation.py",
    "p2pchat/protocol/mailbox.py": "tests/conformance/test_mailbox.py",
    "p2pchat/protocol/prekeys.py": "tests/conformance/test_mailbox.py",
    "p2pchat/registry/service/log_outs.py": "tests/registry/service/test_auth.py",
    "p2pchat/peer/chat/session_listener.py": "tests/peer/chat/test_chat_session.py",
    "p2pchat/peer/chat/line_sender.py": "tests/peer/chat/test_chat_session.py",
    "p2pchat/peer/chat/conversation_table.py": "tests/peer/chat/test_conversations.py",
    "p2pchat/peer/chat/mailbox_talk.py": "tests/scenarios/test_mailbox.py",
    "p2pchat/peer/chat/side_messages.py": "tests/scenarios/test_two_people.py",
    "p2pchat/peer/mailbox/inbox.py": "tests/scenarios/test_mailbox.py",
    "p2pchat/peer/mailbox/errand.py": "tests/scenarios/test_mailbox_races.py",
    "p2pchat/peer/mailbox/leaving.py": "tests/scenarios/test_mailbox_races.py",
    "p2pchat/peer/mailbox/left_lines.py": "tests/scenarios/test_mailbox.py",
    "p2pchat/peer/mailbox/mailbox.py": "tests/scenarios/test_mailbox.py",
    "p2pchat/peer/mailbox/own_box.py": "tests/scenarios/test_mailbox.py",
    "p2pchat/peer/mailbox/talk.py": "tests/scenarios/test_mailbox.py",
    "p2pchat/peer/store/mailbox_models.py": "tests/scenarios/test_mailbox.py",
    "p2pchat/peer/store/mailbox_store.py": "tests/scenarios/test_mailbox.py",
    "p2pchat/app/file_transfers.py": "tests/cli/person/test_files.py",
    "p2pchat/app/transfer_watch.py": "tests/cli/person/test_files.py",
    "p2pchat/app/stdin_copy.py": "tests/cli/person/test_files.py",
    "p2pchat/client/file_orders.py": "tests/cli/person/test_files.py",
    "p2pchat/peer/chat/file_talk.py": "tests/peer/files/test_transfers.py",
    "p2pchat/peer/files/activities.py": "tests/peer/files/test_transfers.py",
    "p2pchat/peer/files/idle.py": "tests/peer/files/test_transfers.py",
    "p2pchat/peer/files/services.py": "tests/peer/files/test_transfers.py",
    "p2pchat/peer/files/data_links.py": "tests/scenarios/test_files.py",
    "p2pchat/peer/files/sending.py": "tests/peer/files/test_transfers.py",
    "p2pchat/peer/files/receiving.py": "tests/peer/files/test_transfers.py",
    "p2pchat/peer/files/receive_attempt.py": "tests/peer/files/test_transfers.py",
    "p2pchat/peer/files/stored.py": "tests/peer/files/test_part.py",
    "p2pchat/peer/files/talk.py": "tests/peer/files/test_transfers.py",
    "p2pchat/peer/session_changes.py": "tests/peer/test_node.py",
    "p2pchat/peer/store/transfer_models.py": "tests/peer/files/test_transfers.py",
    "p2pchat/peer/store/transfer_store.py": "tests/peer/files/test_transfers.py",
    "p2pchat/protocol/client/file_events.py": "tests/protocol/client/test_event_json.py",
    "p2pchat/protocol/client/file_orders.py": "tests/protocol/client/test_messages.py",
    "p2pchat/protocol/client/node_event.py": "tests/protocol/client/test_event_json.py",
    "p2pchat/protocol/client/node_order.py": "tests/protocol/client/test_messages.py",
    "p2pchat/protocol/client/transfers.py": "tests/ui/screen/test_file_list.py",
    "p2pchat/peer/trust.py": "tests/scenarios/test_trust.py",
    "p2pchat/cli/doctor/mailbox_check.py": "tests/cli/profile/test_mailbox.py",
    "p2pchat/app/own_mailbox.py": "tests/cli/profile/test_mailbox.py",
    "p2pchat/peer/chat/link_path.py": "tests/scenarios/test_reach.py",
    "p2pchat/peer/chat/link_place.py": "tests/scenarios/test_reach.py",
    "p2pchat/peer/reach/upgrade.py": "tests/scenarios/test_reach.py",
    "p2pchat/peer/registry_client/announcement.py": "tests/peer/registry_client/test_session.py",
    "p2pchat/peer/registry_client/given_addresses.py": "tests/hostile/test_impersonation.py",
    "p2pchat/protocol/states.py": "tests/protocol/test_connection.py",
    "p2pchat/registry/store/models.py": "tests/registry/store/test_accounts.py",
    "p2pchat/registry/cluster/node.py": "tests/faults/test_cluster.py",
    "p2pchat/registry/store/postgres.py": "tests/registry/store/test_stores.py",
    "p2pchat/ui/prompt/completion.py": "tests/ui/prompt/test_prompt.py",
    "p2pchat/ui/prompt/keys.py": "tests/terminal/test_prompt_craft.py",
    "p2pchat/peer/store/grams.py": "tests/peer/store/test_history.py",
    "p2pchat/peer/store/search_terms.py": "tests/peer/store/test_history.py",
    "p2pchat/peer/registry_client/self_search.py": "tests/peer/registry_client/test_losses.py",
    "p2pchat/ui/screen/call_outcome.py": "tests/ui/screen/test_chat_app.py",
    "p2pchat/peer/store/schedule.py": "tests/peer/chat/test_scheduled_delivery.py",
    "p2pchat/ui/screen/later.py": "tests/ui/screen/test_history_orders.py",
    "p2pchat/ui/prompt/title.py": "tests/terminal/test_prompt_craft.py",
    "p2pchat/ui/text/themes.py": "tests/terminal/test_prompt_craft.py",
    "p2pchat/ui/prompt/terminal.py": "tests/terminal/test_two_people.py",
    "p2pchat/ui/text/appearance.py": "tests/cli/profile/test_config.py",
    "p2pchat/registry/server/metrics.py": "tests/cli/test_serve_running.py",
    "p2pchat/registry/server/admin_socket.py": "tests/cli/serve/test_users.py",
    "p2pchat/protocol/operator.py": "tests/cli/serve/test_users.py",
    "p2pchat/net/request.py": "tests/cli/serve/test_users.py",
    "p2pchat/registry/service/pending.py": "tests/registry/service/test_service.py",
    "p2pchat/peer/store/lines.py": "tests/peer/store/test_history.py",
    "p2pchat/peer/store/thread.py": "tests/peer/store/test_history.py",
    "p2pchat/peer/store/models.py": "tests/peer/store/test_profile.py",
    "p2pchat/protocol/client/events.py": "tests/ui/text/test_render.py",
    "p2pchat/peer/chat/reconnector.py": "tests/peer/chat/test_conversation.py",
    "p2pchat/peer/calls/calls.py": "tests/scenarios/test_two_people.py",
    "p2pchat/net/tcp_dial.py": "tests/net/test_endpoints.py",
    "p2pchat/peer/registry_client/credentials.py": "tests/peer/registry_client/test_commands.py",
    "p2pchat/peer/calls/peer_links.py": "tests/peer/calls/test_peer_server.py",
    "p2pchat/peer/registry_client/link.py": "tests/scenarios/test_trust.py",
    "p2pchat/peer/calls/chat_service.py": "tests/peer/original/test_service.py",
    "p2pchat/peer/chat/service.py": "tests/scenarios/test_two_people.py",
    "p2pchat/client/local_client.py": "tests/client/test_client.py",
    "p2pchat/client/orders.py": "tests/client/test_client.py",
    "p2pchat/client/session.py": "tests/client/test_client.py",
    "p2pchat/protocol/address.py": "tests/net/test_address.py",
    "p2pchat/protocol/client/objects.py": "tests/protocol/client/test_event_json.py",
    "p2pchat/ui/text/fragments.py": "tests/ui/text/test_toolbar.py",
    "p2pchat/version.py": "tests/test_packages.py",
    "p2pchat/wall_clock.py": "tests/peer/store/test_history.py",
    "p2pchat/protocol/client/lines.py": "tests/protocol/client/test_messages.py",
    "p2pchat/protocol/client/orders.py": "tests/protocol/client/test_messages.py",
    "p2pchat/peer/calls/contact_list.py": "tests/ui/screen/test_contact_list.py",
    "p2pchat/ui/screen/call_orders.py": "tests/ui/screen/test_chat_app.py",
    "p2pchat/ui/screen/pending_orders.py": "tests/ui/screen/test_trust_orders.py",
    "p2pchat/ui/screen/said_lines.py": "tests/ui/screen/test_chat_app.py",
    "p2pchat/ui/program/orders.py": "tests/ui/program/test_app.py",
    "p2pchat/peer/calls/pending_requests.py": "tests/peer/chat/test_conversations.py",
    "p2pchat/net/tls/engine.py": "tests/net/tls/test_transport.py",
    "p2pchat/ui/screen/call.py": "tests/ui/screen/test_chat_app.py",
    "p2pchat/ui/text/brought_words.py": "tests/ui/text/test_commands.py",
    "p2pchat/app/config_file.py": "tests/cli/profile/test_config.py",
    "p2pchat/app/hook_env.py": "tests/cli/test_hooks.py",
    "p2pchat/app/local_node.py": "tests/cli/test_attach.py",
    "p2pchat/app/node_log.py": "tests/cli/test_attach.py",
    "p2pchat/app/node_options.py": "tests/cli/person/test_send.py",
    "p2pchat/app/profile_home.py": "tests/cli/test_read_only.py",
    "p2pchat/app/registry_files.py": "tests/cli/serve/test_check.py",
    "p2pchat/app/registry_process.py": "tests/cli/test_serve_running.py",
    "p2pchat/app/run.py": "tests/cli/test_attach.py",
    "p2pchat/app/running_node.py": "tests/cli/test_attach.py",
    "p2pchat/app/sending.py": "tests/cli/person/test_send.py",
    "p2pchat/app/session.py": "tests/cli/test_commands.py",
    "p2pchat/app/settings.py": "tests/cli/profile/test_config.py",
    "p2pchat/app/streams.py": "tests/cli/test_locales.py",
    "p2pchat/cli/docs/completion.py": "tests/cli/test_help.py",
    "p2pchat/cli/docs/help_command.py": "tests/cli/test_help.py",
    "p2pchat/cli/docs/overview.py": "tests/cli/test_help.py",
    "p2pchat/cli/docs/topics.py": "tests/cli/test_help.py",
    "p2pchat/cli/doctor/local_checks.py": "tests/cli/doctor/test_doctor.py",
    "p2pchat/cli/doctor/network_checks.py": "tests/cli/doctor/test_doctor.py",
    "p2pchat/cli/echo.py": "tests/cli/test_locales.py",
    "p2pchat/cli/limit_option.py": "tests/cli/test_commands.py",
    "p2pchat/cli/main.py": "tests/cli/test_commands.py",
    "p2pchat/cli/moments.py": "tests/cli/test_commands.py",
    "p2pchat/cli/node_options.py": "tests/cli/test_attach.py",
    "p2pchat/cli/options.py": "tests/cli/test_commands.py",
    "p2pchat/cli/person/account.py": "tests/cli/test_commands.py",
    "p2pchat/cli/person/contacts.py": "tests/cli/test_commands.py",
    "p2pchat/cli/person/demo.py": "tests/terminal/test_two_people.py",
    "p2pchat/cli/person/demo_setup.py": "tests/terminal/test_two_people.py",
    "p2pchat/cli/person/join.py": "tests/cli/person/test_invite.py",
    "p2pchat/cli/person/onboarding.py": "tests/terminal/test_first_hour.py",
    "p2pchat/cli/person/search.py": "tests/cli/test_commands.py",
    "p2pchat/cli/profile/history.py": "tests/cli/test_commands.py",
    "p2pchat/cli/profile/kept_output.py": "tests/cli/test_commands.py",
    "p2pchat/cli/profile/status_format.py": "tests/cli/profile/test_status.py",
    "p2pchat/cli/report.py": "tests/cli/doctor/test_doctor.py",
    "p2pchat/cli/serve/account_import.py": "tests/cli/serve/test_users.py",
    "p2pchat/cli/serve/backup.py": "tests/cli/serve/test_users.py",
    "p2pchat/cli/serve/configuration.py": "tests/cli/serve/test_settings.py",
    "p2pchat/cli/serve/descriptors.py": "tests/cli/test_serve_running.py",
    "p2pchat/cli/serve/options.py": "tests/cli/serve/test_settings.py",
    "p2pchat/cli/serve/registry_access.py": "tests/cli/serve/test_users.py",
    "p2pchat/cli/serve/serve.py": "tests/cli/test_serve_running.py",
    "p2pchat/cli/write_manual.py": "tests/cli/docs/test_man_pages.py",
}


def test_imports_follow_the_contracts() -> None:
    """Imports and outside libraries obey the import-linter contracts of pyproject.toml."""
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("file", SOURCES, ids=lambda f: str(f.relative_to(ROOT)))
def test_every_file_is_one_idea(file: Path) -> None:
    """A module has a docstring and at most MAX_LINES lines."""
    text = file.read_text()
    assert ast.get_docstring(ast.parse(text)), "no docstring"
    assert text.count("\n") <= MAX_LINES


def test_the_tests_mirror_the_source() -> None:
    """Each module has a test file of its own, or an entry in TESTED_ELSEWHERE."""
    missing, needless = [], set(TESTED_ELSEWHERE)
    for file in SOURCES:
        name = str(file.relative_to(ROOT))
        mirror = ROOT / "tests" / file.relative_to(ROOT / "p2pchat").parent / f"test_{file.name}"
        if file.name == "__init__.py" or mirror.exists():
            continue
        needless.discard(name)
        other = TESTED_ELSEWHERE.get(name)
        if other is None or not (ROOT / other).exists():
            missing.append(name)
    assert (missing, needless) == ([], set())


def test_top_folder_has_only_known_entries() -> None:
    """Only known files and folders are tracked at the top, apart from dotfiles."""
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    top = {name.partition("/")[0] for name in tracked if name and not name.startswith(".")}
    assert top <= {
        "p2pchat",
        "tests",
        "completions",
        "pyproject.toml",
        "README.md",
        "CHANGELOG.md",
        "LICENSE",
    }
