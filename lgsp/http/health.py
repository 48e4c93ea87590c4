"""/healthz, /readyz, /metrics: for supervisors, load balancers and Prometheus."""

from typing import Literal

import msgspec
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from lgsp.flow.health import Check
from lgsp.http.answers import json_response
from lgsp.http.routes import JSON, Answer, Route
from lgsp.http.services import Services


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The process answers. Whether it can work, /readyz says."""

    status: Literal["ok"] = "ok"


class ReadinessReport(msgspec.Struct, frozen=True, kw_only=True):
    """`ready` is true when every required check is."""

    ready: bool
    checks: list[Check]


class HealthRoutes:
    def __init__(self, services: Services) -> None:
        self._readiness = services.readiness

    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                method="GET",
                path="/healthz",
                name="getHealth",
                tag="Operation",
                summary="The process answers",
                public=self.health,
                answers={200: Answer(description="It does", media={JSON: Health})},
            ),
            Route(
                method="GET",
                path="/readyz",
                name="getReadiness",
                tag="Operation",
                summary="Whether the hub can take envelopes, and why not",
                public=self.ready,
                answers={
                    200: Answer(description="Ready", media={JSON: ReadinessReport}),
                    503: Answer(description="Not ready", media={JSON: ReadinessReport}),
                },
            ),
            Route(
                method="GET",
                path="/metrics",
                name="getMetrics",
                tag="Operation",
                summary="Prometheus metrics",
                public=self.metrics,
                answers={200: Answer(description="Text exposition format", media={"text/plain": str})},
            ),
        )

    async def health(self, request: web.Request) -> web.Response:
        return json_response(Health(), headers={"Cache-Control": "no-store"})

    async def ready(self, request: web.Request) -> web.Response:
        checks = await self._readiness.check()
        ready = all(check.ok for check in checks if check.required)
        return json_response(ReadinessReport(ready=ready, checks=checks), 200 if ready else 503, {"Cache-Control": "no-store"})

    async def metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
