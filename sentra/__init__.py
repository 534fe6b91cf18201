"""The kernel of Sentra: what two or more of its programs need. It imports no program.

A sale's way, by file names, from the till to the back office:

1. `pos_shell/sale/actions.py` fills the cart of `domain/cart.py`, `pos_shell/payment/actions.py`
   completes it.
2. `vault/journal.py` commits the fact (`events/sales.py`) and its rows in one transaction.
3. `syncd/daemon/` seals it (`protocol/segment.py`) and sends it by `link/` to the router.
4. `router_agent/operations/` stores the sealed bytes and forwards them as they are.
5. `syncd/service/operations/` appends them once and projects them (`projection/rows.py`).
6. `webapp/dashboard/` and `webapp/sales/` show the rows to the manager.
"""
