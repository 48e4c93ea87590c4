"""The day as one sees it: a live picture on a terminal, plain lines elsewhere, in the end the verdict and what to try next."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from lgsp.demo.evidence import Account, Arrival
from lgsp.demo.hub_client import Problem
from lgsp.demo.ledger import Ledger, TaleLine
from lgsp.demo.letters import Letter
from lgsp.demo.result import DemoResult, Latency
from lgsp.demo.sandbox import Sandbox, visitors_mailbox
from lgsp.demo.story import clock, short_name

_PICTURE_S, _LINE_S = 0.2, 5.0
_TALE_LINES, _LETTER_LINES = 9, 4
_DIFFERENCES = 5  # of the post's account are shown
_PIPE_WIDTH = 120
_MARKS = {"kept": "[green]✓[/]", "broken": "[bold red]✗[/]", "told": "[dim]·[/]"}


def make_console() -> Console:
    """Standard output. A pipe has no width of its own: tables are not cut there."""
    return Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH, highlight=False)


class Screen:
    """`quiet`: says nothing at all, for callers that want the result only. `program`: what one types to call lgsp."""

    def __init__(self, console: Console, *, quiet: bool = False, program: str = "lgsp") -> None:
        self._program = program
        self._console = console
        self._quiet = quiet
        self._live: Live | None = None
        self._next_at = 0.0
        self._told = self._told_of_letters = 0

    def say(self, vi: str, en: str) -> None:
        if not self._quiet:
            self._console.print(f"{escape(vi)} [dim]{escape(en)}[/]", soft_wrap=True)

    @contextmanager
    def following(self, ledger: Ledger) -> Iterator[None]:
        """`tick` draws while this lasts."""
        if self._quiet or not self._console.is_terminal:
            yield
            self._tick_plain(ledger, force=True)
            return
        with Live(picture(ledger), console=self._console, auto_refresh=False) as self._live:
            yield
            self._live.update(picture(ledger), refresh=True)
        self._live = None

    def tick(self, ledger: Ledger) -> None:
        """To be called often; draws when it is time to."""
        if self._live is None:
            self._tick_plain(ledger)
        elif time.monotonic() >= self._next_at:
            self._next_at = time.monotonic() + _PICTURE_S
            self._live.update(picture(ledger), refresh=True)

    def summary(self, result: DemoResult, ledger: Ledger, sandbox: Sandbox, *, stays: bool = False) -> None:
        """The verdict, the figures, one refusal in full, and what to look at next. `stays`: the hub goes on afterwards."""
        if self._quiet:
            return
        self._console.print()
        self._console.print(verdict(result))
        self._console.print(figures(result))
        if ledger.evidence.account is not None:
            self._console.print(account(ledger.evidence.account))
        if ledger.last_refusal is not None:
            self._console.print(refusal(ledger.last_refusal))
        self._console.print(next_steps(result, sandbox, self._program, ledger.plan.expectations.letters))
        if stays:
            self.say("Trục tiếp tục chạy; nhấn Ctrl-C để dừng.", "The hub goes on running; Ctrl-C stops it.")

    def visited(self, arrival: Arrival, ledger: Ledger) -> None:
        """Something arrived after the day: the systems still answer."""
        if not self._quiet:
            sender, recipient = (short_name(ledger.province, code) for code in (arrival.sender, arrival.recipient))
            line = f"{time.strftime('%H:%M:%S')}  {sender} → {recipient}: {arrival.kind} {arrival.message_id}"
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _tick_plain(self, ledger: Ledger, *, force: bool = False) -> None:
        if self._quiet:
            return
        lines = (*ledger.tale[self._told :], *ledger.letter_tale[self._told_of_letters :])
        for line in sorted(lines, key=attrgetter("clock")):
            text = f"    {line.clock}  {line.text} · {line.english}"
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)
        self._told, self._told_of_letters = len(ledger.tale), len(ledger.letter_tale)
        if force or time.monotonic() >= self._next_at:
            self._next_at = time.monotonic() + _LINE_S
            self._console.print(counters_line(ledger), highlight=False, soft_wrap=True)


def counters_line(ledger: Ledger) -> str:
    """One line that says where the day stands."""
    expected = ledger.plan.expectations
    return (
        f"{clock(ledger.now_s, ledger.duration_s)}  tiếp nhận/accepted {ledger.accepted:,}/{expected.messages:,}"
        f" · đã giao/delivered {ledger.delivered:,}/{expected.deliveries:,} · đang đi/in flight {in_flight(ledger):,}"
        f" · {ledger.per_second():,.0f}/s"
    )


def in_flight(ledger: Ledger) -> int:
    """Deliveries that were promised in receipts and have not arrived."""
    return max(0, ledger.promised - ledger.delivered)


def picture(ledger: Ledger) -> RenderableType:
    """The whole screen."""
    expected = ledger.plan.expectations
    parts: list[RenderableType] = [_clock_row(ledger), Text(), _counters(ledger)]
    if ledger.case is not None:
        title = f"Theo dõi hồ sơ {ledger.case.number} · {ledger.case.field.name}"
        parts += [Text(), _tale(ledger.tale, _TALE_LINES, title)]
    if ledger.plan.expectations.letters:
        parts.append(_tale(ledger.letter_tale, _LETTER_LINES, "Theo dõi văn bản edXML · official documents"))
    if ledger.last_refusal is not None:
        parts.append(_short_refusal(ledger.last_refusal))
    title = (
        f"[bold]Một ngày làm việc của tỉnh An Giang[/]: {expected.cases:,} hồ sơ, {len(ledger.province.communes)} xã, phường,"
        " đặc khu [dim]· a working day of the province[/]"
    )
    return Panel(Group(*parts), title=title, title_align="left", border_style="cyan", padding=(1, 2))


def _clock_row(ledger: Ledger) -> RenderableType:
    row = Table.grid(padding=(0, 2), expand=True)
    row.add_column(width=5)
    row.add_column(ratio=1)
    row.add_column(justify="right")
    at = clock(ledger.now_s, ledger.duration_s)
    bar = ProgressBar(total=ledger.plan.expectations.deliveries or 1, completed=ledger.delivered)
    row.add_row(f"[bold yellow]{at}[/]", bar, f"[dim]{ledger.now_s:.0f} s[/]")
    return row


def _counters(ledger: Ledger) -> RenderableType:
    expected = ledger.plan.expectations
    table = Table.grid(padding=(0, 3))
    table.add_row(
        _counter("tiếp nhận", "accepted", f"{ledger.accepted:,}", f"/{expected.messages:,}"),
        _counter("đã giao", "delivered", f"{ledger.delivered:,}", f"/{expected.deliveries:,}"),
        _counter("đang đi", "in flight", f"{in_flight(ledger):,}"),
        _counter("mỗi giây", "per second", f"{ledger.per_second():,.0f}"),
        _counter("gửi lại", "sent again", f"{ledger.resent:,}"),
        _counter("từ chối", "refused", f"{ledger.refused:,}"),
    )
    return table


def _counter(vi: str, en: str, value: str, rest: str = "") -> RenderableType:
    return Text.from_markup(f"[bold]{value}[/][dim]{rest}[/]\n{vi}\n[dim]{en}[/]")


def _tale(tale: Sequence[TaleLine], number: int, title: str) -> RenderableType:
    """The last `number` lines."""
    lines = tale[-number:]
    text = Text("\n", no_wrap=True, overflow="ellipsis").join(
        Text.assemble((one.clock, "yellow"), "  ", one.text, (f" · {one.english}", "dim")) for one in lines
    )
    text.append("\n" * (number - len(lines)))  # the picture keeps its height
    return Panel(text, title=title, title_align="left", border_style="dim")


def _short_refusal(problem: Problem) -> RenderableType:
    return Text.assemble(("Từ chối gần nhất  ", "dim"), (problem.code, "red"), "  ", problem.title_vi)


def verdict(result: DemoResult) -> RenderableType:
    """Every check with a tick or a cross."""
    table = Table(title=_headline(result), title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    table.add_column("Kiểm tra")
    table.add_column("[dim]Check[/]")
    table.add_column("Phải có\n[dim]expected[/]", justify="right")
    table.add_column("Thấy\n[dim]found[/]", justify="right")
    for check in result.checks:
        english = f"[dim]{escape(check.en)}[/]" + (f"\n[red]{escape(check.detail)}[/]" if check.detail else "")
        table.add_row(_MARKS[check.verdict], check.vi, english, check.expected, check.found)
    return table


def _headline(result: DemoResult) -> str:
    if result.trouble:
        return f"✗ Không hoàn thành: {escape(result.trouble)}"
    broken = sum(check.verdict == "broken" for check in result.checks)
    if broken:
        return f"✗ {broken} kiểm tra không đạt / {broken} checks failed"
    return "✓ Mọi cam kết được giữ / Every promise was kept"


def figures(result: DemoResult) -> RenderableType:
    """How much, how fast."""
    told = result.figures
    table = Table.grid(padding=(0, 2))
    table.add_row("Thời gian [dim]time[/]", f"{told.took_s:.1f} s")
    table.add_row("Thông điệp tiếp nhận [dim]messages accepted[/]", f"{told.messages:,} ({told.messages_per_s:,.0f}/s)")
    table.add_row("Lượt giao [dim]deliveries[/]", f"{told.deliveries:,} ({told.deliveries_per_s:,.0f}/s)")
    table.add_row("Gửi đến biên nhận [dim]sent to receipt[/]", _latency(told.accept))
    table.add_row("Gửi đến nơi nhận [dim]sent to recipient[/]", _latency(told.end_to_end))
    return table


def _latency(latency: Latency) -> str:
    if latency.median_ms is None:
        return "–"
    return f"trung vị/median {latency.median_ms:,.0f} ms, p99 {latency.p99_ms:,.0f} ms"


def account(told: Account) -> RenderableType:
    """The day with the post: how many parcel legs, how much money, and what does not fit."""
    table = Table.grid(padding=(0, 2))
    legs = f"{told.handed_over:,} · {told.accepted:,} · {told.delivered:,}"
    table.add_row("Bàn giao · nhận · phát [dim]handed over · accepted · delivered[/]", legs)
    money = f"{told.cod_due_vnd:,} · {told.cod_paid_vnd:,} đ"
    table.add_row("Thu hộ phải nộp · đã nộp [dim]collected: due · paid[/]", money)
    for one in told.differences[:_DIFFERENCES]:
        table.add_row(
            f"[red]{escape(one.code)}[/] {escape(one.order_number)}", f"{escape(one.text_vi)}\n[dim]{escape(one.text_en)}[/]"
        )
    title = "Đối soát bưu chính trong ngày / the day with the post"
    return Panel(table, title=title, title_align="left", border_style="dim", expand=False)


def refusal(problem: Problem) -> RenderableType:
    """A refusal as a sender gets it."""
    table = Table.grid(padding=(0, 2))
    table.add_row("[dim]Mã / code[/]", f"[red]{problem.code}[/] (HTTP {problem.status})")
    table.add_row("[dim]Vì sao / why[/]", f"{escape(problem.title_vi)}\n[dim]{escape(problem.english)}[/]")
    table.add_row("[dim]Ở đâu / where[/]", escape(problem.field))
    table.add_row("[dim]Chi tiết / detail[/]", escape(problem.detail))
    table.add_row("[dim]Cách sửa / remedy[/]", f"{escape(problem.remedy_vi)}\n[dim]{escape(problem.english_remedy)}[/]")
    title = "Lần từ chối gần nhất / the last refusal"
    return Panel(table, title=title, title_align="left", border_style="dim", expand=False)


def next_steps(result: DemoResult, sandbox: Sandbox, program: str, letters: Sequence[Letter] = ()) -> RenderableType:
    """What works now, to be typed as it stands."""
    table = Table.grid(padding=(0, 2))
    if result.case_number is not None:
        commune = result.case_number.partition("-")[0]
        table.add_row(
            f"{program} trace {result.case_number} --as {commune}",
            "[dim]hồ sơ vừa theo dõi, từng bước / the case, step by step[/]",
        )
        table.add_row(
            f"{program} evidence export --case {result.case_number} --all -o ho-so.asice",
            "[dim]gói chứng cứ của hồ sơ / all that proves it, in one file[/]",
        )
    if letters:
        table.add_row(
            f"{program} trace {letters[0].code} --all",
            "[dim]văn bản vừa gửi và các trạng thái / the document and its statuses[/]",
        )
        table.add_row(f"{program} postal reconcile --day {result.figures.day}", "[dim]đối soát bưu chính / the post's account[/]")
    table.add_row(f"{program} mailbox --as {visitors_mailbox(sandbox)}", "[dim]hộp thư của một xã / the mailbox of a commune[/]")
    table.add_row(f"{sandbox.hub_url}/openapi.json", "[dim]mọi giao diện / every interface[/]")
    table.add_row(f"{sandbox.hub_url}/metrics", "[dim]số đo / figures for Prometheus[/]")
    return Panel(
        table,
        title="Xem tiếp, khi trục đang chạy / look next, while the hub runs",
        title_align="left",
        border_style="cyan",
        expand=False,
    )
