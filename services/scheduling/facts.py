"""What scheduling keeps of other services' facts: which counters have spent their error budget.

Policies may send nobody home then (docs/decisions/0045-the-budget-of-a-counter.md).
"""

from sqlalchemy import Text
from sqlalchemy.orm import registry

from shared.events import CoverageBudget
from shared.facts import Fact
from shared.projections import Projection
from shared.tables import Table, column


class Base(Table, registry=registry()):
    """The base of this service's tables of facts: a registry of its own keeps the services' tables apart."""


class BudgetFact(Base, Fact, table=True):
    """What was last said of one window of a service point's error budget."""

    of = CoverageBudget

    unit_id: str = column(Text, key=True)
    of_window: str = column(Text, key=True, of="window")
    status: str = column(Text)


PROJECTION = Projection(BudgetFact)
