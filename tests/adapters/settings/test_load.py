"""Layers of configuration, and one helpful line for every mistake in them."""

from __future__ import annotations

import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.settings.load import configuration_hash, load
from domain.errors import InvalidSetting
from domain.settings import PROFILES, Settings, SystemSettings, VenueSettings
from domain.settings import VENUES as DEFAULTS

VENUES = ("coinbase", "dydx")

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "nzeza.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def complaint(config: Path | None = None, **environ: str) -> str:
    with pytest.raises(InvalidSetting) as caught:
        load(config, environ, VENUES)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_without_a_file_the_demo_profile_lies_over_the_defaults() -> None:
    settings = load(None, {}, VENUES)

    assert settings.system.profile == "demo"
    assert settings.signals.candle_s == PROFILES["demo"]["signals"]["candle_s"] != Settings().signals.candle_s
    assert settings.signals.weights == Settings().signals.weights
    assert settings.venues == {name: DEFAULTS[name] for name in VENUES}  # all that are known


def test_standard_profile_is_the_defaults(write: Write) -> None:
    settings = load(write('system.profile = "standard"'), {}, VENUES)

    bare = {"system": Settings().system, "venues": Settings().venues}
    assert msgspec.structs.replace(settings, **bare) == Settings()


def test_file_wins_over_the_profile_and_the_environment_over_the_file(write: Write) -> None:
    config = write("[signals]\ncandle_s = 2\nwinner_above = 0.4\n[breaker]\nfailures = 7")

    settings = load(config, {"NZEZA__SIGNALS__CANDLE_S": "3", "HOME": "/", "NZEZA_OTHER": "x"}, VENUES)

    assert (settings.signals.candle_s, settings.signals.winner_above) == (3.0, 0.4)
    assert settings.breaker.failures == 7
    assert settings.risk.min_confidence == 0.3  # the profile's


def test_profile_of_the_environment_replaces_that_of_the_file(write: Write) -> None:
    settings = load(write('system.profile = "demo"'), {"NZEZA__SYSTEM__PROFILE": "standard"}, VENUES)

    assert settings.signals.candle_s == 60.0


def test_table_of_names_in_the_file_is_the_whole_list(write: Write) -> None:
    config = write(
        "[venues.dydx]\nworkers = 2\n[signals.weights]\nmomentum_scalping = 1\n[simulator.balances]\nBTC = 2"
    )

    settings = load(config, {}, VENUES)

    assert settings.venues == {"dydx": msgspec.structs.replace(DEFAULTS["dydx"], workers=2)}
    assert settings.signals.weights == {"momentum_scalping": 1.0}
    assert settings.simulator.balances == {"BTC": Decimal(2)}


def test_environment_changes_single_entries_of_a_table_of_names() -> None:
    environ = {
        "NZEZA__VENUES__COINBASE__INSTRUMENTS": "BTC-USD, ETH-USD",
        "NZEZA__VENUES__DYDX__WORKERS": "2",
        "NZEZA__SIGNALS__WEIGHTS__FAST_SCALPING": "0.5",
        "NZEZA__SIMULATOR__BALANCES__BTC": "1.50",
        "NZEZA__ORDERS__QUERY_DELAYS_S": "1,2.5",
    }

    settings = load(None, environ, VENUES)

    assert settings.venues["coinbase"].instruments == ("BTC-USD", "ETH-USD")
    assert settings.venues["dydx"] == msgspec.structs.replace(DEFAULTS["dydx"], workers=2)
    assert settings.signals.weights == Settings().signals.weights | {"fast_scalping": 0.5}
    assert settings.simulator.balances == {"USD": Decimal(10000), "BTC": Decimal("1.5")}
    assert settings.orders.query_delays_s == (1.0, 2.5)


def test_amounts_are_exact_and_ratios_are_floats(write: Write) -> None:
    config = write("risk.max_order_notional = 0.100000000000000001\nrisk.position_ratio = 0\nsystem.stop_within_s = 4")

    settings = load(config, {}, VENUES)

    assert settings.risk.max_order_notional == Decimal("0.100000000000000001")
    assert [type(value) for value in (settings.risk.position_ratio, settings.system.stop_within_s)] == [
        float,
        float,
    ]


def test_claims_are_true_or_false_in_the_file_and_in_the_environment(write: Write) -> None:
    path = write("simulator.fresh_account = true")

    of_the_file, of_the_environment = (
        load(path, environ, VENUES).simulator.fresh_account
        for environ in ({}, {"NZEZA__SIMULATOR__FRESH_ACCOUNT": "false"})
    )

    assert (of_the_file, of_the_environment) == (True, False)


def test_file_may_begin_with_a_byte_order_mark_and_end_lines_as_windows_does(tmp_path: Path) -> None:
    (tmp_path / "nzeza.toml").write_bytes(b"\xef\xbb\xbf[breaker]\r\nfailures = 7\r\n")

    assert load(tmp_path / "nzeza.toml", {}, VENUES).breaker.failures == 7


MISTAKES_IN_A_FILE = {
    "signals.cande_s = 1": "unknown key 'signals.cande_s': did you mean 'candle_s'? allowed: candle_s,",
    "risc.position_ratio = 1": "unknown key 'risc': did you mean 'risk'? allowed: system,",
    "zzz = 1": "unknown key 'zzz': allowed: system,",
    "venues.coinbase.workerz = 1": "unknown key 'venues.coinbase.workerz': did you mean 'workers'?",
    '"a\\nb" = 1': "unknown key 'a\\nb': allowed: system,",
    "risk = 3": "risk = 3: must be a table",
    "venues = 3": "venues = 3: must be a table",
    "venues.coinbase = 3": "venues.coinbase = 3: must be a table",
    "risk.position_ratio = 3": "risk.position_ratio = 3: must be a number between 0 and 1",
    "risk.position_ratio = true": "risk.position_ratio = true: must be a number between 0 and 1",
    "risk.position_ratio = '0.1'": "risk.position_ratio = '0.1': must be a number between 0 and 1",
    "risk.position_ratio = {a = 1}": "risk.position_ratio = {'a': 1}: must be a number between 0 and 1",
    "breaker.failures = 0": "breaker.failures = 0: must be a whole number",  # CB-02
    "breaker.open_s = 0": "breaker.open_s = 0: must be a number above 0",
    "breaker.successes = -1": "breaker.successes = -1: must be a whole number",
    "system.stop_within_s = 0": "system.stop_within_s = 0: must be a number above 0",
    "system.stop_within_s = nan": "system.stop_within_s = NaN: must be a number above 0",
    "system.stop_within_s = inf": "system.stop_within_s = Infinity: must be a number above 0",
    "system.stop_within_s = 1e400": "system.stop_within_s = 1E+400: must be a number above 0",
    "simulator.warm_up_s = -1": "simulator.warm_up_s = -1: must be a number of 0 or more",
    "orders.collar_ratio = 0.02": "orders.collar_ratio = 0.02: must be a number above 0 and at most 0.01",
    "protection.stop_loss_ratio = 1": "protection.stop_loss_ratio = 1: must be a number above 0 and below 1",
    "risk.max_positions = 1.5": "risk.max_positions = 1.5: must be a whole number of 1 or more",
    "risk.max_positions = 1.0": "risk.max_positions = 1.0: must be a whole number of 1 or more",
    "risk.max_positions = true": "risk.max_positions = true: must be a whole number of 1 or more",
    "system.admin_port = 65536": "system.admin_port = 65536: must be a whole number between 0 and 65535",
    "system.profile = 'live'": 'system.profile = \'live\': must be one of "demo", "standard"',
    "system.profile = ['demo']": "system.profile = ['demo']: must be one of",
    "system.actor_base = 'x'": 'system.actor_base = \'x\': must be one of "multiprocUnixBase", "multiprocTCPBase"',
    "system.data_directory = 3": "system.data_directory = 3: must be text in quotes",
    "system.data_directory = ''": "system.data_directory = '': must be the path of a directory",
    "risk.max_order_notional = -1": "risk.max_order_notional = -1: must be a number of 0 or more",
    "risk.max_order_notional = nan": "risk.max_order_notional = NaN: must be a number of 0 or more",
    "risk.max_order_notional = 1e18": "risk.max_order_notional = 1E+18: must be a number of 0 or more, with",
    "risk.max_order_notional = 1e-19": "risk.max_order_notional = 1E-19: must be a number of 0 or more, with",
    "risk.max_order_notional = false": "risk.max_order_notional = false: must be a number of 0 or more",
    "simulator.taker_fee_ratio = 6": "simulator.taker_fee_ratio = 6: must be between 0 and 1",
    "simulator.fresh_account = 1": "simulator.fresh_account = 1: must be true or false",
    "simulator.balances.usd = 6": "simulator.balances.'usd': must be an asset in capitals, such as USD",
    "simulator.latency_max_s = 0.01": "simulator.latency_min_s = 0.02: must not be above simulator.",
    "system.report_every_s = 2.5": "system.report_every_s = 2.5: must be at most 3/4 of supervision.hung_after_s = 3.0",
    "supervision.hung_after_s = 0.6": "system.report_every_s = 0.5: must be at most 3/4 of supervision.hung_after_s",
    "orders.query_delays_s = []": "orders.query_delays_s = []: must be one or more numbers above 0",
    "orders.query_delays_s = [1, 0]": "orders.query_delays_s = [1.0, 0.0]: must be one or more",
    "orders.query_delays_s = [1, 'x']": "orders.query_delays_s[1] = 'x': must be a number",
    "orders.query_delays_s = 1": "orders.query_delays_s = 1: must be a list, each entry a number",
    "orders.acknowledge_within_s = 5": "orders.acknowledge_within_s = 5.0: must be above venues.coinbase",
    "signals.weights.fast_scalping = -1": "signals.weights.fast_scalping = -1: must be a number of 0 or more",
    "[signals.weights]": "signals.weights: must give at least one strategy a weight above 0",
    "signals.weights = {fast_scalping = 0}": "signals.weights: must give at least one strategy a weight above 0",
    "[venues]": "venues: must have at least one table of these: coinbase, dydx",
    "[venues.kraken]": "unknown key 'venues.kraken': allowed: coinbase, dydx",
    "venues.coinbase.instruments = []": "venues.coinbase.instruments = []: must name at least one instrument",
    "venues.coinbase.closes_only = ['DOGE-USD']": "venues.coinbase.closes_only: 'DOGE-USD' must be one of BTC-USD",
    "venues.coinbase.instruments = ['BTCUSD']": "venues.coinbase.instruments: 'BTCUSD' must be spelled",
    "venues.dydx.instruments = ['A-USD', 'A-USD']": "venues.dydx.instruments: 'A-USD' must be named once only",
    "venues.coinbase.api_key_env = 'KEY'": "venues.coinbase.api_key_env and venues.coinbase.api_secret_env:",
    "venues.coinbase.rest_url = 'nowhere'": "venues.coinbase.rest_url = 'nowhere': must be an address",
    "venues.coinbase.rest_url = 'http://[1'": "venues.coinbase.rest_url = 'http://[1': must be an address",
}


@pytest.mark.parametrize("text", MISTAKES_IN_A_FILE)
def test_mistake_in_the_file_is_one_line_that_names_key_and_choice(text: str, write: Write) -> None:
    assert complaint(write(text)).startswith(MISTAKES_IN_A_FILE[text])


MISTAKES_IN_THE_ENVIRONMENT = {
    (
        "NZEZA__RISK__POSITION_RATIO",
        "3",
    ): "risk.position_ratio = 3 (NZEZA__RISK__POSITION_RATIO): must be a number",
    (
        "NZEZA__RISK__POSITION_RATIO",
        "x",
    ): "risk.position_ratio = 'x' (NZEZA__RISK__POSITION_RATIO): must be a number",
    (
        "NZEZA__RISK__MAX_POSITIONS",
        "",
    ): "risk.max_positions = '' (NZEZA__RISK__MAX_POSITIONS): must be a whole number",
    (
        "NZEZA__RISK__POSITON_RATIO",
        "3",
    ): "unknown key 'risk.positon_ratio' (NZEZA__RISK__POSITON_RATIO): did you mean",
    (
        "NZEZA__ORDERS__QUERY_DELAYS_S",
        "1,x",
    ): "orders.query_delays_s[1] = 'x' (NZEZA__ORDERS__QUERY_DELAYS_S): must",
    (
        "NZEZA__SIMULATOR__FRESH_ACCOUNT",
        "yes",
    ): "simulator.fresh_account = 'yes' (NZEZA__SIMULATOR__FRESH_ACCOUNT): must be true or false",
    ("NZEZA__RISK", "3"): "risk = '3' (NZEZA__RISK): must be a table",
    (
        "NZEZA__RISK__MAX_POSITIONS__X",
        "3",
    ): "NZEZA__RISK__MAX_POSITIONS__X: 'risk.max_positions' is not a table",
    ("NZEZA__VENUES__KRAKEN__MODE", "live"): "unknown key 'venues.kraken': allowed: coinbase, dydx",
    ("NZEZA__", "3"): "unknown key '' (NZEZA__): allowed: system,",
}


@pytest.mark.parametrize(("variable", "text"), MISTAKES_IN_THE_ENVIRONMENT)
def test_mistake_in_the_environment_names_the_variable_too(variable: str, text: str) -> None:
    assert complaint(**{variable: text}).startswith(MISTAKES_IN_THE_ENVIRONMENT[variable, text])


BAD_FILES = {
    b"[risk\n": "not valid TOML: ",
    b"a = 1\nb = = 2\n": "not valid TOML: Invalid value (at line 2, column 5)",
    b"a = 1\na = 2\n": "not valid TOML: Cannot overwrite a value (at line 2",
    b"a = '\xff'": "not UTF-8 text (byte 5)",
    b"a = " + b"[" * 5000: "nested too deeply",
    b"a = 1e99999999999999999999": "a number is out of all bounds",
    b"a = " + b"9" * 5000: "not valid TOML: ",
}


@pytest.mark.parametrize("content", BAD_FILES, ids=range(len(BAD_FILES)))
def test_unreadable_content_is_one_line_that_names_the_file(content: bytes, tmp_path: Path) -> None:
    config = tmp_path / "nzeza.toml"
    config.write_bytes(content)

    assert complaint(config).startswith(f"configuration file '{config}': {BAD_FILES[content]}")


def test_missing_file_and_directory_are_one_line_that_names_the_path(tmp_path: Path) -> None:
    missing = tmp_path / "missing.toml"

    assert complaint(missing) == f"configuration file '{missing}': No such file or directory"
    assert complaint(tmp_path) == f"configuration file '{tmp_path}': Is a directory"


def test_long_wrong_value_is_cut(write: Write) -> None:
    assert len(complaint(write(f"risk.position_ratio = '{'x' * 10_000}'"))) < 200


def test_secret_in_the_place_of_a_variable_name_is_not_repeated(write: Write) -> None:
    text = complaint(write("venues.coinbase.api_secret_env = '-----BEGIN SECRET'"))

    assert text == "venues.coinbase.api_secret_env: must be the name of an environment variable, not the secret"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rest_url", "https://api.coinbase.com"),
        ("rest_url", "http://127.0.0.1:8080"),
        ("market_stream_url", "ws://127.0.0.1:8080/"),
        ("private_stream_url", "wss://advanced-trade-ws-user.coinbase.com"),
        ("key_file", "key.json"),
    ],
)
def test_simulated_venue_has_its_own_addresses_and_key(key: str, value: str, write: Write) -> None:
    text = complaint(write(f"venues.coinbase.{key} = '{value}'"))

    assert text == (
        f"venues.coinbase.{key} = '{value}': must be empty while mode is \"simulated\": a simulated venue has its own"
    )
    load(write(f"venues.coinbase = {{mode = 'live', {key} = '{value}'}}"), {}, VENUES)


NEARLY = {
    "NZEZA_RISK__MAX_POSITIONS": "NZEZA__RISK__MAX_POSITIONS",
    "NZEZA_RISK_MAX_POSITIONS": "NZEZA__RISK__MAX_POSITIONS",
    "NZEZARISK__MAX_POSITIONS": "NZEZA__RISK__MAX_POSITIONS",
    "NZEZA_MAX_POSITIONS": "NZEZA__RISK__MAX_POSITIONS",
    "NZEZA_RISK__MAX_POSITION": "NZEZA__RISK__MAX_POSITIONS",
    "nzeza__risk__max_positions": "NZEZA__RISK__MAX_POSITIONS",
    "Nzeza__Risk__Max_Positions": "NZEZA__RISK__MAX_POSITIONS",
    "NZEA__RISK__MAX_POSITIONS": "NZEZA__RISK__MAX_POSITIONS",
    "NZEZZA__RISK__MAX_POSITIONS": "NZEZA__RISK__MAX_POSITIONS",
    "NZEZA_VENUES__COINBASE__INSTRUMENTS": "NZEZA__VENUES__COINBASE__INSTRUMENTS",
    "NZEZA_SIMULATOR_BALANCES_USD": "NZEZA__SIMULATOR__BALANCES__USD",
}


@pytest.mark.parametrize("name", NEARLY)
def test_variable_that_is_nearly_a_setting_is_refused_with_the_right_spelling(name: str) -> None:
    text = complaint(None, **{name: "2"})

    assert text.startswith(f"variable {name!r}: did you mean {NEARLY[name]}? settings are spelled NZEZA__")


def test_variable_that_begins_like_a_setting_is_refused() -> None:
    assert complaint(None, NZEZA_RISK__NOTHING_LIKE_IT="2").startswith(
        "variable 'NZEZA_RISK__NOTHING_LIKE_IT': settings are spelled NZEZA__SECTION__KEY"
    )


def test_variables_that_are_no_settings_are_left_alone() -> None:
    others = {"NZEZA_HOME": "1", "RISK__MAX_POSITIONS": "1", "NZEZA": "", "PATH": "", "NZEZA_RISK_KEY": "name"}
    keys = {
        "NZEZA__VENUES__COINBASE__API_KEY_ENV": "NZEZA_RISK_KEY",
        "NZEZA__VENUES__COINBASE__API_SECRET_ENV": "NZEZA_SIGNALS_SECRET",
    }

    assert load(None, {**others, **keys, "NZEZA_SIGNALS_SECRET": "secret"}, VENUES).venues["coinbase"].api_key_env


NOT_HERE = [
    "http://0.0.0.0:80",
    "http://10.0.0.1",
    "http://169.254.169.254/",
    "http://localhost.evil.com",
    "http://127.0.0.1.evil.com",
    "http://127-0-0-1",
    "http://[::ffff:127.0.0.1]",
    "http://[2001:db8::1]:443",
]
AMBIGUOUS = [
    r"http://127.0.0.1:80\@evil.com",
    "http://127.0.0.1#@evil.com",
    "http://127.0.0.1?@evil.com",
    "http://127.0.0.1:80@evil.com",
    "http://user:secret@127.0.0.1",
    "http://evil.com@127.0.0.1",
    "http://2130706433",
    "http://0x7f000001",
    "http://0x7f.1",
    "http://127.1",
    "http://0177.0.0.1",
    "http://127.0.0.1.",
    "http://localhost.",
    "http://local%68ost",
    "http://127.0.0.1%00.evil.com",
    "http://ⓛocalhost",
    "http://127。0。0。1",
    "http://[::1%25eth0]",
    "http://[::1",
    "http://::1",
    "http://127.0.0.1:",
    "http://127.0.0.1:0",
    "http://127.0.0.1:65536",
    "http://127.0.0.1:+80",
    "http://127.0.0.1:8o",
    "http:127.0.0.1",
    "http:/127.0.0.1",
    "http:///127.0.0.1",
    "//127.0.0.1",
    "127.0.0.1",
    "file:///etc/passwd",
    "ws://127.0.0.1",
    " http://127.0.0.1",
    "http://127.0.0.1 ",
    "http://127.0.0.1\n",
    "http://127.0.0.1/\r\nHost: evil.com",
    "http://127.0.0.1\t.evil.com",
    "http://127.0.0.1/path?query",
]


@pytest.mark.parametrize("url", NOT_HERE)
def test_address_of_another_machine_is_for_live_venues_and_then_encrypted(url: str) -> None:
    simulated = complaint(NZEZA__VENUES__DYDX__REST_URL=url)
    live = complaint(NZEZA__VENUES__DYDX__REST_URL=url, NZEZA__VENUES__DYDX__MODE="live")

    assert simulated.endswith('must be empty while mode is "simulated": a simulated venue has its own')
    assert live.endswith("must be https:// for any but this machine (127.0.0.1)")
    secure = url.replace("http:", "https:")
    load(None, {"NZEZA__VENUES__DYDX__REST_URL": secure, "NZEZA__VENUES__DYDX__MODE": "live"}, VENUES)


@pytest.mark.parametrize("mode", ["live", "simulated"])
@pytest.mark.parametrize("url", AMBIGUOUS)
def test_address_that_could_be_read_in_two_ways_is_none(url: str, mode: str) -> None:
    text = complaint(NZEZA__VENUES__DYDX__REST_URL=url, NZEZA__VENUES__DYDX__MODE=mode)

    assert text.endswith("must be an address such as https://host/path, and no more")
    assert "secret" not in text


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1", "http://127.9.9.9:1/a/b", "http://localhost:8080/", "http://LOCALHOST", "http://[::1]:80"],
)
def test_address_of_this_machine_needs_no_encryption(url: str) -> None:
    load(None, {"NZEZA__VENUES__DYDX__REST_URL": url, "NZEZA__VENUES__DYDX__MODE": "live"}, VENUES)


def test_streams_are_encrypted_too(write: Write) -> None:
    text = complaint(write("venues.dydx = {mode = 'live', market_stream_url = 'ws://indexer.dydx.trade/v4/ws'}"))

    assert text.endswith("must be wss:// for any but this machine (127.0.0.1)")


def test_hash_is_that_of_the_meaning_and_not_of_the_spelling(write: Write) -> None:
    def hashed(text: str) -> str:
        return configuration_hash(load(write(text), {}, VENUES))

    one = hashed("risk = {max_order_notional = 10, position_ratio = 0}\nsimulator.balances = {A = 1, B = 2}")
    two = hashed("simulator.balances = {B = 2.0, A = 1}\nrisk = {position_ratio = 0.0, max_order_notional = 1e1}")

    assert one == two != hashed("risk.max_order_notional = 11")


SECTIONS = st.sampled_from(["RISK", "SYSTEM", "ORDERS", "VENUES__COINBASE", "NONE"])
KEYS = st.sampled_from(["PROFILE", "POSITION_RATIO", "MODE", "WORKERS", "QUERY_DELAYS_S", "A\nB", "\udcff", ""])
VARIABLES = st.builds("NZEZA__{}__{}".format, SECTIONS, KEYS)


@given(st.dictionaries(VARIABLES, st.text(max_size=8), min_size=1))
def test_whatever_the_environment_holds_it_is_settings_or_one_line(environ: dict[str, str]) -> None:
    try:
        load(None, environ, VENUES)
    except InvalidSetting as error:
        assert len(str(error).splitlines()) == 1


# ---- names of instruments --------------------------------------------------------------------------------

KNOWN = ("coinbase", "dydx", "hyperliquid")
LONG = "BUFFI,UNISWAP_V3,0X4C1B1302220D7DE5C22B495E78B72F2DD2457D45-USD"


@pytest.mark.parametrize(
    ("venue", "name"),
    [
        ("coinbase", "BTC-USDC"),
        ("coinbase", "00-USD"),
        ("coinbase", "BTC-PERP-INTX"),
        ("hyperliquid", "kPEPE-USD"),
        ("hyperliquid", "kSHIB-USD"),
        ("hyperliquid", "0G-USD"),
        ("hyperliquid", "xyz:TSLA-USD"),
        ("dydx", "BTC-USD"),
        ("dydx", LONG),
    ],
)
def test_each_venue_has_names_of_its_own_look(write: Write, venue: str, name: str) -> None:
    settings = load(write(f"venues.{venue}.instruments = ['{name}', 'ETH-USD']"), {}, KNOWN)

    assert settings.venues[venue].instruments == (name, "ETH-USD")


@pytest.mark.parametrize(
    ("venue", "name"),
    [
        ("coinbase", "kPEPE-USD"),
        ("coinbase", LONG),
        ("coinbase", "btc-usd"),
        ("hyperliquid", "BTC-USDC"),
        ("hyperliquid", "pepe-USD"),
        ("hyperliquid", "BTC-PERP-INTX"),
        ("hyperliquid", "KPEPE"),
        ("hyperliquid", LONG),
        ("dydx", "kPEPE-USD"),
        ("dydx", "BTC-USDC"),
        ("dydx", "A,,B-USD"),
        ("dydx", "A_B-USD"),
        *((venue, odd) for venue in KNOWN for odd in ("", "BTC", "-USD", "BTC-", "BTC-USD ", "B\u0661-USD")),
    ],
)
def test_a_name_that_a_venue_cannot_have_is_refused_in_one_line(write: Write, venue: str, name: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        load(write(f"venues.{venue}.instruments = ['{name}']"), {}, KNOWN)

    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(f"venues.{venue}.instruments: ")
    assert "must be spelled as in BTC-USD" in text


def test_names_with_commas_can_come_from_the_environment_too() -> None:
    environ = {"NZEZA__VENUES__DYDX__INSTRUMENTS": f'["{LONG}", "BTC-USD"]'}

    assert load(None, environ, VENUES).venues["dydx"].instruments == (LONG, "BTC-USD")
    assert "venues.dydx.instruments" in complaint(NZEZA__VENUES__DYDX__INSTRUMENTS='["BTC-USD"')


@pytest.mark.parametrize(
    ("mode", "takes_orders", "synchronous"),
    [("live", True, "full"), ("live", False, "normal"), ("simulated", True, "normal")],
)
def test_where_real_orders_may_be_sent_the_journal_survives_a_power_cut(
    mode: str, takes_orders: bool, synchronous: str
) -> None:
    venue = VenueSettings(mode=mode, takes_orders=takes_orders)

    assert Settings(venues={"coinbase": venue}).journal_synchronous == synchronous


def test_a_path_in_another_encoding_has_a_hash_too() -> None:
    hashes = {
        configuration_hash(Settings(system=SystemSettings(data_directory=os.fsdecode(path))))
        for path in (b"caf\xe9", b"caf\xe8", b"cafe")
    }

    assert len(hashes) == 3
