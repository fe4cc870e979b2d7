"""Reports: what their pages have in common, whatever they report. One look, one file each, nothing from outside."""

from preheat.view.report.chart import Chart as Chart
from preheat.view.report.page import drawings as drawings
from preheat.view.report.page import fill as fill
