"""`sentra bench NAME`."""

from __future__ import annotations

import click


@click.group()
def bench() -> None:
    """Measure what Sentra must reach, each figure beside its yardstick."""


@bench.command()
@click.option("--sales", default=2_000, show_default=True, type=click.IntRange(100, 100_000))
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line.")
def sale(*, sales: int, as_json: bool) -> None:
    """P1: a sale committed at the till, against the same rows in bare SQLCipher."""
    from bench.report import show
    from bench.sale import bench_sale

    show("sale", bench_sale(sales), as_json=as_json)
