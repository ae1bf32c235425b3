from random import Random

from adapters.simulator.drawn_faults import draw_fault
from adapters.simulator.faults import KINDS, Suffering, read_fault

PRODUCTS = ("BTC-USD", "ETH-USD")
VENUES = {"coinbase": Suffering(channels=("user",), products=PRODUCTS)}


def test_every_kind_is_drawn_and_can_be_carried_out() -> None:
    random = Random(1)

    orders = [draw_fault(random, 2.5, PRODUCTS, {"lag": 0.5}) for _ in range(2_000)]
    faults = [read_fault(order, VENUES) for order in orders]

    assert {fault.kind for fault in faults} == set(KINDS)
    assert max(fault.seconds for fault in faults if fault.kind == "lag") <= 0.5
    assert max(fault.seconds for fault in faults) <= 2.5
    assert {fault.count for fault in faults if fault.kind == "missing_rows"} == {1}
