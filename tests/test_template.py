"""Names of parts: what templates say, what they refuse, and that nothing from a capture leaves its place in a name."""

import os
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pcapconv.errors import UsageError
from pcapconv.io.name_template import MOST_BYTES, Template, TemplateValues, safe

NOON = Fraction(1_714_564_800)  # 2024-05-01T12:00:00Z, a Wednesday


def facts(
    *,
    number: int = 1,
    start: Fraction | None = NOON,
    interface: str = "eth0",
    link_type: str = "ETHERNET",
    section: int = 0,
) -> TemplateValues:
    return TemplateValues(number, start, interface, link_type, section)


def name(template: str, which: TemplateValues | None = None, stem: str = "big") -> str:
    return Template(template).name(which or facts(), stem)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{index}.pcap", "00001.pcap"),
        ("{index:03}.pcap", "001.pcap"),
        ("{index:3}.pcap", "  1.pcap"),
        ("{index:1d}.pcap", "1.pcap"),
        ("{index:012}.pcap", "000000000001.pcap"),
        ("{start}.pcap", "20240501T120000.pcap"),
        ("{start:%Y-%m-%d %H.%M}.pcap", "2024-05-01 12.00.pcap"),
        ("{interface}.pcap", "eth0.pcap"),
        ("{link_type}.pcap", "ETHERNET.pcap"),
        ("{section}.pcap", "0.pcap"),
        ("{stem}.pcap", "big.pcap"),
        ("out/{stem}-{index}-{interface}.pcapng", "out/big-00001-eth0.pcapng"),
        ("{section}/{interface}/{index}.pcapng", "0/eth0/00001.pcapng"),
        ("github-%H%M%S.pcap", "github-120000.pcap"),
        ("%Y/%m/%d/%H.pcap", "2024/05/01/12.pcap"),
        ("100%%-%H.pcap", "100%-12.pcap"),
        ("{{%H}}.pcap", "{12}.pcap"),
        ("a {index}\n.pcap", "a 00001\n.pcap"),
    ],
)
def test_fields_are_filled_in(template: str, expected: str) -> None:
    assert name(template) == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("x.pcap", "x-00001.pcap"),
        ("x", "x-00001"),
        ("a.b/x", "a.b/x-00001"),
        ("./x.tar.pcapng", "./x.tar-00001.pcapng"),
        ("100%%.pcap", "100%-00001.pcap"),
        ("{{x}}.pcap", "{x}-00001.pcap"),
        (".pcap", ".pcap-00001"),
    ],
)
def test_without_a_field_the_index_goes_before_the_suffix(template: str, expected: str) -> None:
    assert name(template) == expected


@pytest.mark.parametrize(
    ("template", "directory"),
    [
        ("x.pcap", "."),
        ("/x.pcap", "/"),
        ("a/b/x-{index}.pcap", "a/b"),
        ("a/b-{section}/x-{index}.pcap", "a"),
        ("{section}/x-{index}.pcap", "."),
        ("%Y/x.pcap", "."),
        ("a/%Y/x.pcap", "a"),
        ("../x", ".."),
    ],
)
def test_the_directory_is_the_one_that_all_names_share(template: str, directory: str) -> None:
    assert Template(template).directory == directory


ALL = {
    "%Y": "2024",
    "%y": "24",
    "%m": "05",
    "%d": "01",
    "%F": "2024-05-01",
    "%j": "122",
    "%H": "12",
    "%I": "12",
    "%p": "PM",
    "%M": "00",
    "%S": "00",
    "%T": "12:00:00",
    "%f": "250000",
    "%s": "1714564800",
    "%a": "Wed",
    "%A": "Wednesday",
    "%b": "May",
    "%B": "May",
    "%Z": "UTC",
    "%z": "+0000",
}


@pytest.mark.parametrize(("field", "expected"), ALL.items())
def test_every_field_of_a_time(field: str, expected: str) -> None:
    quarter = facts(start=NOON + Fraction(1, 4))
    assert name(f"x{field}", quarter) == f"x{expected}"
    assert name(f"{{start:{field}}}", quarter) == expected


@given(st.integers(-62135596800, 253402300799), st.fractions(0, 1, max_denominator=10**12))
@example(0, Fraction(1))
@example(-1, Fraction(0))
def test_times_are_those_of_datetime(seconds: int, rest: Fraction) -> None:
    """In all but the locale's words; the microsecond is rounded down."""
    start = min(Fraction(seconds) + rest, Fraction(253402300799))
    whole, fraction = divmod(start, 1)
    time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=whole, microseconds=fraction * 10**6 // 1)
    form = "%m %d %j %H %I %M %S %f %y %Z %z"
    assert name(f"{{start:%Y {form}}}", facts(start=start)) == f"{time.year:04} {time.strftime(form)}"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (253402300799, "99991231T235959"),
        (253402300800, "253402300800"),
        (-62135596800, "00010101T000000"),
        (-62135596801, "_62135596801"),
        (2**80, str(2**80)),
        (-(2**80), f"_{2**80}"),
    ],
)
def test_years_that_no_calendar_has_are_seconds(seconds: int, expected: str) -> None:
    assert name("{start}", facts(start=Fraction(seconds))) == expected
    assert name("x-%Y%m%dT%H%M%S", facts(start=Fraction(seconds))) == f"x-{expected}"


def test_seconds_before_1970_do_not_look_like_an_option() -> None:
    assert name("%s.pcap", facts(start=Fraction(-5, 2))) == "_3.pcap"


def test_a_part_without_a_time_says_so() -> None:
    assert name("{start}-{start:%Y}.pcap", facts(start=None)) == "notime-notime.pcap"
    assert name("x-%H%M%S.pcap", facts(start=None)) == "x-notime.pcap"
    assert name("x-%Y-%m-%d %H.%M.pcap", facts(start=None)) == "x-notime.pcap"
    assert name("%Y/%m%%%H{index}%M", facts(start=None)) == "notime/notime%notime00001notime"


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("-", "stdout"),
        ("", "names no file"),
        ("a/", "names no file"),
        ("{index}/", "names no file"),
        ("{", "single '{'"),
        ("{index", "expected '}'"),
        ("index}", "single '}'"),
        ("{}", "{}"),
        ("{0}", "{0}"),
        ("{nonsense}", "{nonsense}"),
        ("{Index}", "{Index}"),
        ("{index.real}", "{index.real}"),
        ("{stem[0]}", "{stem[0]}"),
        ("{index!r}", "{index!r}"),
        ("{start!s:%H}", "{start!s:%H}"),
        ("{index:x}", "{index:x}"),
        ("{index:,}", "{index:,}"),
        ("{index:100}", "{index:100}"),
        ("{index:>5}", "{index:>5}"),
        ("{index:{section}}", "{index:{section}}"),
        ("{interface:10}", "{interface:10}"),
        ("{start:{index}}", "braces within braces"),
        ("{start:%D}", "%D"),
        ("{start:%}", "%"),
        ("x-%c.pcap", "%c"),
        ("x-%-d.pcap", "%-"),
        ("x-%", "%"),
        ("x%\n", "%"),
        ("50% {index}", "% "),
    ],
)
def test_nonsense_is_refused_with_what_there_is(template: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        Template(template)
    assert says in str(caught.value)
    if template not in ("-", "", "a/", "{index}/"):
        assert "{index}, {start" in str(caught.value) or "%Y %y" in str(caught.value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("eth0", "eth0"),
        ("eth0.100", "eth0.100"),
        ("WLAN-Verbindung 2", "WLAN-Verbindung_2"),
        ("以太网", "以太网"),
        (r"\Device\NPF_{00-11}", "_Device_NPF__00-11_"),
        ("../../etc/passwd", "___.._etc_passwd"),
        ("..", "__"),
        (".", "_"),
        ("", "_"),
        ("-rf", "_rf"),
        (".-.x", "___x"),
        ("a/b", "a_b"),
        ("a\0b\x1b[31m\n", "a_b__31m_"),
        ("\udcff\ud800", "__"),
        ("\u202eabc", "_abc"),
        ("x" * 300, "x" * 100),
        ("é" * 300, "é" * 50),
        ("€" * 300, "_" * 100),
        ("網" * 300, "網" * 33),
    ],
)
def test_values_are_made_safe(value: str, expected: str) -> None:
    assert safe(value) == expected
    which = facts(interface=value, link_type=value)
    assert name("{interface}.pcap", which) == f"{expected}.pcap"
    assert name("{link_type}.pcap", which) == f"{expected}.pcap"
    assert name("{stem}.pcap", which, stem=value) == f"{expected}.pcap"


@given(st.text())
def test_any_value_is_safe(value: str) -> None:
    shown = safe(value)
    assert 0 < len(shown.encode()) <= MOST_BYTES
    assert all(mark.isalnum() or mark in "._-" for mark in shown)
    assert shown[0] not in ".-"
    assert os.path.basename(shown) == shown
    assert safe(shown) == shown


@given(st.text("{}%:!.-/ YmdHMSindexstartm", max_size=20))
def test_any_text_is_a_template_or_refused(text: str) -> None:
    try:
        template = Template(text)
    except UsageError:
        return
    shown = template.name(facts(), "big")
    assert template.directory == "." or shown.startswith(template.directory)
    assert os.path.basename(shown)


@pytest.mark.parametrize("template", ["x", "{index}", "{section}-{index}", "%%", "{{%%}}"])
def test_names_differ_where_nothing_but_the_index_does(template: str) -> None:
    assert not Template(template).needs_start
    assert name(template) != name(template, facts(number=2))
