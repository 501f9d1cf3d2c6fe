"""check_env: does an environment keep the promises that training and evaluation rest on?"""

from forethought.envs.check.conformance import check_env
from forethought.envs.check.report import Finding, Report

__all__ = ["Finding", "Report", "check_env"]
