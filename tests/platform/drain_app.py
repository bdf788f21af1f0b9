"""A minimal service for test_server: answers, and says through /ready whether it drains."""

import asyncio
import sys

from shelfwise.platform.health import Readiness
from shelfwise.platform.server import leave, serve

READINESS = Readiness()


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                print("lifespan ended", flush=True)
                return
    if scope["path"] == "/slow":
        await asyncio.sleep(0.5)
    status = 503 if scope["path"] == "/ready" and READINESS.draining else 200
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": scope["http_version"].encode()})


if __name__ == "__main__":
    port, drain = int(sys.argv[1]), float(sys.argv[2])
    asyncio.run(serve(app, host="127.0.0.1", port=port, drain_seconds=drain, readiness=READINESS))
    leave()
