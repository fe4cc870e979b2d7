"""``preheat.keras``: schedules for Keras 3."""

from preheat.frameworks.keras import Schedule as Schedule
from preheat.frameworks.keras import use as use
