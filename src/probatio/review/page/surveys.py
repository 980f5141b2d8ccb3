"""How far the review is, by variable; the cases on which two readers disagree. No text of a document, no value."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from probatio.review.page.counting import COUNTS
from probatio.review.page.showing import describe_variable
from probatio.review.page.visit import Visit

LISTED: Final = 100
"""Cases that the list of disagreements shows at once."""


async def show_overview(visit: Visit) -> Response:
    """Show the counts of each variable."""
    visit.office.desk.catch_up()
    tally, protocol = visit.office.desk.tally, visit.office.protocol
    rows = [
        {"label": describe_variable(protocol, name, visit.language), "counts": counts}
        for name, counts in tally.by_variable.items()
    ]
    return visit.render("overview.html", place="overview", rows=rows, total=tally.total, columns=COUNTS)


async def show_adjudication(visit: Visit) -> Response:
    """Show the cases on which two readers disagree and that this one may settle."""
    visit.office.desk.catch_up()
    own = visit.office.desk.list_disputed(visit.reader)
    listed = [
        {
            "id": case.case_id,
            "position": case.position,
            "label": describe_variable(visit.office.protocol, case.variable, visit.language),
        }
        for case in own[:LISTED]
    ]
    return visit.render("adjudication.html", place="adjudication", own_disputed=len(own), listed=listed)
