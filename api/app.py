"""Builds the service: `uvicorn --factory api.app:create_app`, or `quotes serve`."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI

from api import errors, idempotency
from api.analyser import Analyser, Pinning
from api.articles import Storing
from api.database import Database
from api.guard import Guard
from api.jobs import Limits
from api.limits import MAX_BATCH_BYTES, MAX_EVALUATION_BYTES, BodyLimit
from api.metrics import Metrics
from api.openapi import Service
from api.paths import WholeSegments
from api.processes import Nursery
from api.routes import analyses, articles, batches, docs, evaluations, health, metrics, models, stances
from api.runner import Runner
from api.tracing import Tracing
from api.webhooks import documentation
from api.webhooks.deliverer import Deliverer
from api.workers import Workers
from quotes.people_file import PeopleFile
from quotes.settings import Settings


def load_pipeline() -> Analyser:
    """Load the real models; imported here so that the service answers /livez while torch is being imported."""
    from quotes.pipeline import Pipeline

    return Pipeline.load()


def create_app(
    load: Callable[[], Analyser] = load_pipeline, nursery: Callable[[Callable[[], Analyser]], Nursery] = Nursery
) -> FastAPI:
    """The service. `load`, a function of a module, gives what analyses; `nursery` makes the workers that it is loaded for.

    Raises BadPeopleFile and DatabaseUnusable.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.workers = Workers(
            nursery(partial(Pinning, load, people)),
            settings.worker_count,
            settings.queue_length,
            settings.time_limit,
            app.state.metrics.found,
        )
        app.state.metrics.watch(app.state.workers)
        app.state.runner = Runner(
            app.state.database,
            app.state.storing,
            app.state.workers,
            # where there are several workers, one is always free of batches: a request need not wait for a long article
            at_once=max(1, settings.worker_count - 1),
            days=settings.batch_days,
            on_completed=app.state.deliverer.on_batch_completed,
        )
        async with app.state.deliverer.running(), app.state.runner.running():
            yield
        app.state.workers.close()
        app.state.database.close()

    app = Service(
        title="quotes",
        version="1",
        summary="Finds every direct quotation in a news article, who said it, and its stance toward a ceasefire.",
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        webhooks=documentation.router,
    )
    settings = app.state.settings = Settings()
    people = PeopleFile.read(settings.people)
    app.state.database = Database(settings.database)
    app.state.storing = Storing(app.state.database, Limits.of(settings), people.version)
    app.state.deliverer = Deliverer.by(settings, app.state.database)
    app.state.metrics = Metrics()
    app.add_middleware(WholeSegments)
    idempotency.install(app, lifetime=settings.idempotency_hours * 3600)
    app.add_middleware(BodyLimit, larger={batches.PATH: MAX_BATCH_BYTES, evaluations.PATH: MAX_EVALUATION_BYTES})
    app.add_middleware(Guard, database=app.state.database, rate_limit=settings.rate_limit)
    app.add_middleware(Tracing, metrics=app.state.metrics)  # the last that is added stands outside of the others
    app.include_router(analyses.router)
    app.include_router(articles.router)
    app.include_router(stances.router)
    app.include_router(batches.router)
    app.include_router(evaluations.router)
    app.include_router(models.router)
    app.include_router(health.router)
    app.include_router(metrics.router)
    app.include_router(docs.router)
    app.mount(docs.SCRIPTS, docs.scripts)
    errors.install(app)
    return app
