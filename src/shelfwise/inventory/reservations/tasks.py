"""The sweep that lets reservations expire."""

import asyncio

import structlog

from shelfwise.inventory.reservations.service import ReservationService

SWEEP_EVERY_SECONDS = 15.0

logger = structlog.get_logger("shelfwise.reservations")


async def sweep_until_cancelled(reservations: ReservationService) -> None:
    """Sweeps every 15 seconds. A failure is logged and the next sweep comes all the same."""
    while True:
        try:
            count = await reservations.sweep()
            if count:
                logger.info("reservations.expired", reservations=count)
        except Exception:
            logger.exception("reservations.sweep_failed")
        await asyncio.sleep(SWEEP_EVERY_SECONDS)
