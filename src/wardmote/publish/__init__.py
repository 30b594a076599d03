"""What people see: a page that they can open, and the data behind it. Publishing computes no statistic.

Everything published goes through the export rule: rows that a licence or a sensitivity forbids are left out, and it is said which
source forbids them.
"""

from wardmote.publish.package import publish_data
from wardmote.publish.reading import FrameTables, OpenTables, WorkspaceTables
from wardmote.publish.report import publish_report
from wardmote.publish.serve import make_server
from wardmote.publish.site import publish_site, render_page

__all__ = [
    "FrameTables",
    "OpenTables",
    "WorkspaceTables",
    "make_server",
    "publish_data",
    "publish_report",
    "publish_site",
    "render_page",
]
