"""Large answers, whole in memory: handed over to who takes them at a pace, and to nobody else for long."""

import asyncio

from aiohttp import web

from lgsp.http.answers import finish

_PIECE_BYTES = 240 * 1024
_PATIENCE_S = 30.0  # for a piece: the pace that is asked of senders, too (`lgsp.http.reading`)


async def hand_over(request: web.Request, response: web.Response) -> web.StreamResponse:
    """Writes the whole answer. Raises ConnectionError when the caller is gone, or takes nothing: then the connection is ended."""
    body = response.body
    assert isinstance(body, bytes)
    stream = web.StreamResponse(status=response.status, headers=response.headers)
    stream.content_length = len(body)
    finish(request, stream)
    view = memoryview(body)
    try:
        await stream.prepare(request)
        for start in range(0, len(body), _PIECE_BYTES):
            async with asyncio.timeout(_PATIENCE_S):
                await stream.write(view[start : start + _PIECE_BYTES])
        async with asyncio.timeout(_PATIENCE_S):
            await stream.write_eof()
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionAbortedError("the answer was not taken") from None
    return stream
