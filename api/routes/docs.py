"""The page that shows the OpenAPI document, with its scripts from this service: no other machine is asked."""

from importlib.resources import files

from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

PATH = "/docs"
SCRIPTS = f"{PATH}/scripts"

router = APIRouter(include_in_schema=False)
scripts = StaticFiles(directory=str(files("fastapi_offline") / "static"))


@router.get(PATH)
async def docs(request: Request) -> HTMLResponse:
    """Swagger UI."""
    return get_swagger_ui_html(
        openapi_url=str(request.app.openapi_url),
        title=request.app.title,
        swagger_js_url=f"{SCRIPTS}/swagger-ui-bundle.js",
        swagger_css_url=f"{SCRIPTS}/swagger-ui.css",
        swagger_favicon_url=f"{SCRIPTS}/favicon.png",
    )
