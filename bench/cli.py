"""`sentra bench NAME`."""

from __future__ import annotations

import signal
import sys

import click


@click.group()
def bench() -> None:
    """Measure what Sentra must reach, each figure beside its yardstick."""
    # A bench that is told to end takes its programs with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


@bench.command()
@click.option("--sales", default=2_000, show_default=True, type=click.IntRange(100, 100_000))
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line.")
def sale(*, sales: int, as_json: bool) -> None:
    """P1: a sale committed at the till, against the same rows in bare SQLCipher."""
    from bench.report import show
    from bench.sale import bench_sale

    show("sale", bench_sale(sales), as_json=as_json)


@bench.command()
@click.option("--sales", default=20_000, show_default=True, type=click.IntRange(100, 1_000_000))
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1, 100))
@click.option("--log-only", is_flag=True, help="P4 too: the same without projection.")
@click.option("--two-hops", is_flag=True, help="P6 too: the same through the branches' routers.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line.")
def sync(*, sales: int, rounds: int, log_only: bool, two_hops: bool, as_json: bool) -> None:
    """P5: a backlog of sales from tills to the cloud, against COPY of the same rows."""
    from bench.report import show
    from bench.sync import bench_sync

    results = bench_sync(sales, rounds, log_only=log_only, two_hops=two_hops)
    show("sync", results, as_json=as_json)


@bench.command()
@click.option("--sales", default=20_000, show_default=True, type=click.IntRange(100, 1_000_000))
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line.")
def wire(*, sales: int, as_json: bool) -> None:
    """P7: bytes on the line for a sale, in a backlog and alone, against its JSON."""
    from bench.report import show
    from bench.wire import bench_wire

    show("wire", bench_wire(sales), as_json=as_json)


@bench.command()
@click.option("--products", default=100_000, show_default=True, type=click.IntRange(100, 500_000))
@click.option("--sales", default=30_000, show_default=True, type=click.IntRange(100, 200_000))
@click.option("--seconds", default=6.0, show_default=True, type=click.FloatRange(0.2, 60.0))
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line.")
def pause(*, products: int, sales: int, seconds: float, as_json: bool) -> None:
    """How long "pay" waits while the daemon writes much, and P13: a new till's catalogue."""
    from bench.pause import bench_pause
    from bench.report import show

    show("pause", bench_pause(products, sales, seconds), as_json=as_json)


@bench.command()
@click.option("--rounds", default=20, show_default=True, type=click.IntRange(2, 1_000))
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line.")
def append(*, rounds: int, as_json: bool) -> None:
    """The service's processor time for a sale, step by step, without database and network."""
    from bench.append import bench_append
    from bench.report import show

    show("append", bench_append(rounds), as_json=as_json)


@bench.command()
@click.option("--seconds", default=20.0, show_default=True, type=click.FloatRange(0.5, 600.0))
@click.option("--backlog", default=50_000, show_default=True, type=click.IntRange(100, 200_000))
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line.")
def lag(*, seconds: float, backlog: int, as_json: bool) -> None:
    """P8: live sales from four tills until a manager sees them, alone and beside a backlog."""
    from bench.lag import bench_lag
    from bench.report import show

    show("lag", bench_lag(seconds, backlog), as_json=as_json)


@bench.command()
@click.option("--sales", default=15_000, show_default=True, type=click.IntRange(100, 200_000))
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line.")
def drain(*, sales: int, as_json: bool) -> None:
    """P9: a branch's day without internet, from the line's return until the cloud has it."""
    from bench.drain import bench_drain
    from bench.report import show

    show("drain", bench_drain(sales), as_json=as_json)


@bench.command()
@click.option("--sales", default=100_000, show_default=True, type=click.IntRange(100, 1_000_000))
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line.")
def courier(*, sales: int, as_json: bool) -> None:
    """A backlog by USB stick: packed, taken in by router and cloud; speed and most memory."""
    from bench.courier import bench_courier
    from bench.report import show

    show("courier", bench_courier(sales), as_json=as_json)


@bench.command()
@click.option("--streams", default=10_000, show_default=True, type=click.IntRange(10, 18_000))
@click.option("--seconds", default=20.0, show_default=True, type=click.FloatRange(0.5, 600.0))
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line.")
def connections(*, streams: int, seconds: float, as_json: bool) -> None:
    """P10: devices that only listen, held by one process of the service beside live sales."""
    from bench.connections import bench_connections
    from bench.report import show

    show("connections", bench_connections(streams, seconds), as_json=as_json)
