"""Results of the bench: medians, ratios of the same round, and what counts as a change."""

import io
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from tests.bench import memory, report
from tests.bench.load import Result
from tests.bench.processes import BenchFailed, Child, cpu_s, forget_peak, rss_bytes
from tests.bench.report import Row, row
from tests.bench.throughput import sample


def value(number: float, ratio: float | None = None, setup: str = "embedded") -> Row:
    return Row(scenario="single", setup=setup, metric="delivered_per_s", value=number, unit="1/s", ratio=ratio)


def test_a_ratio_is_the_median_of_the_rounds_own_ratios() -> None:
    """A machine that was slow in one round was slow for both, so rounds are compared with themselves."""
    found = row("single", "embedded", "delivered_per_s", "1/s", [200.0, 50.0, 120.0], [100.0, 25.0, 100.0], "relay/1 process")
    assert (found.value, found.ratio, found.ratio_to) == (120.0, 2.0, "relay/1 process")
    assert found.samples == (200.0, 50.0, 120.0)


def test_without_a_measure_there_is_no_ratio() -> None:
    """The relay is compared with nothing."""
    found = row("relay", "1 process", "delivered_per_s", "1/s", [200.0])
    assert (found.ratio, found.ratio_to) == (None, None)


def test_results_can_be_read_by_a_program(tmp_path: Path) -> None:
    """A list of objects with exactly the published fields, and the same rows when read again."""
    rows = [row("single", "embedded", "delivered_per_s", "1/s", [200.0], [100.0], "relay/1 process")]
    report.write(rows, tmp_path / "build" / "bench.json")
    (found,) = msgspec.json.decode((tmp_path / "build" / "bench.json").read_bytes())
    assert sorted(found) == ["metric", "ratio", "ratio_to", "samples", "scenario", "setup", "unit", "value"]
    assert report.read(tmp_path / "build" / "bench.json") == rows


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (value(100.0), value(110.0), "="),
        (value(100.0), value(130.0), "+30%"),
        (value(100.0, ratio=1.0), value(50.0, ratio=1.0), "="),  # another machine, the same hub
        (value(100.0, ratio=1.0), value(100.0, ratio=0.5), "-50%"),
        (None, value(1.0), "new"),
    ],
)
def test_a_change_is_judged_by_the_ratio_and_small_ones_are_ties(before: Row | None, now: Row, said: str) -> None:
    """Under 15 % nobody can tell."""
    assert report.change(before, now) == said


def test_a_comparison_shows_what_came_and_what_went() -> None:
    """Rows of one run only are not hidden."""
    console = Console(width=140, record=True, file=io.StringIO())
    report.print_comparison(console, [value(1.0, setup="old one")], [value(1.0, setup="new one")])
    text = console.export_text()
    assert "new one" in text and "Not measured this time: single/old one" in text


def test_the_sum_of_cpu_time_leaves_the_load_generator_out() -> None:
    """It measures; it is not measured."""
    result = Result(
        accepted=1000,
        delivered=1000,
        repeated=0,
        accept_s=2.0,
        deliver_s=4.0,
        accept_ms={"p50": 1.0, "p99": 2.0},
        end_to_end_ms={"p50": 3.0, "p99": 4.0},
    )
    found = sample(result, {"load": 1.0, "app": 0.2, "broker": 0.1})
    assert found["cpu_us"] == pytest.approx(300.0)
    assert (found["accepted_per_s"], found["delivered_per_s"]) == (500.0, 250.0)


def test_growth_beyond_the_limit_fails_the_bench() -> None:
    """A promise that is only printed is none."""
    grown = [row("memory", "embedded", "growth_fetch_250_mib", "MiB", [64.0])]
    with pytest.raises(BenchFailed, match="64"):
        memory.check(grown)


def test_cpu_time_and_memory_of_a_child_are_what_it_used(tmp_path: Path) -> None:
    """Its own and its children's CPU time; the peak of its memory also after it was given back."""
    work = (
        "import time\nwhile time.process_time() < 0.3: pass\nx = bytearray(64 * 2**20)\ndel x\nprint('done', flush=True)\ninput()"
    )
    with Child(["-c", work], tmp_path, "worker", talks=True) as child:
        assert child.hear() == "done"
        assert 0.25 < cpu_s([child.pid]) < 5
        assert rss_bytes(child.pid, "VmHWM") - rss_bytes(child.pid) > 32 * 2**20
        forget_peak(child.pid)
        assert rss_bytes(child.pid, "VmHWM") - rss_bytes(child.pid) < 32 * 2**20
        child.say("")


def test_a_child_that_died_is_reported_with_its_last_words(tmp_path: Path) -> None:
    """Whoever reads the failure of a bench must not have to guess."""
    with (
        Child(["-c", "raise SystemExit('no port left')"], tmp_path, "hub", talks=True) as child,
        pytest.raises(BenchFailed, match="no port left"),
    ):
        child.hear()


def test_what_a_hub_complained_about_is_shown_without_its_ordinary_lines(tmp_path: Path) -> None:
    """The log of a hub that lost something says why, between thousands of lines that say nothing."""
    say = """print('{"level":"info"}'); print('{"level":"error","event":"journal.lost"}', flush=True)"""
    with Child(["-c", say], tmp_path, "hub", talks=False) as child:
        child.process.wait(30)
        assert child.complaints() == '{"level":"error","event":"journal.lost"}'
