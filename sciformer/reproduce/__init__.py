"""Claims of papers beside our results: what a claim is, how it is measured and judged, the table.

The claims themselves live with what they claim, under the entry-point group `sciformer.claims`:
a function without arguments that returns a `Paper`. Nothing here knows any of them.
"""

from __future__ import annotations

from sciformer.reproduce.campaign import Campaign as Campaign
from sciformer.reproduce.claims import Claim as Claim
from sciformer.reproduce.claims import Effort as Effort
from sciformer.reproduce.claims import Experiment as Experiment
from sciformer.reproduce.claims import Paper as Paper
from sciformer.reproduce.claims import Trial as Trial
from sciformer.reproduce.claims import Untestable as Untestable
from sciformer.reproduce.command import Command as Command
from sciformer.reproduce.report import Report as Report
from sciformer.reproduce.verdicts import AtLeast as AtLeast
from sciformer.reproduce.verdicts import AtMost as AtMost
from sciformer.reproduce.verdicts import Between as Between
from sciformer.reproduce.verdicts import Verdict as Verdict
