"""Stands for `api.processes` where processes are not what is tested: the same jobs, pickled too, in threads of this process.

That is quicker to start, and what loads and analyses need not be pickled: it may share events with the test.
"""

import asyncio

from api.nursery import answered
from api.processes import ModelsNotLoaded, ProcessEnded


class ThreadWorker:
    def __init__(self, analyser, ended):
        self.process_id = 0
        self.ended = False
        self._analyser = analyser
        self._on_end = ended

    async def run(self, job):
        if self.ended:
            raise ProcessEnded
        try:
            return await asyncio.to_thread(answered, job, self._analyser)
        except asyncio.CancelledError:
            self.kill()
            raise

    def kill(self):
        if not self.ended:
            self.ended = True
            asyncio.get_running_loop().call_soon(self._on_end, self)


class ThreadNursery:
    def __init__(self, load):
        self._load = load
        self._analyser = None
        self._one_at_a_time = asyncio.Lock()

    async def worker(self, ended):
        async with self._one_at_a_time:
            if self._analyser is None:
                try:
                    self._analyser = await asyncio.to_thread(self._load)
                except Exception as error:
                    raise ModelsNotLoaded from error
        return ThreadWorker(self._analyser, ended)

    def close(self):
        pass
