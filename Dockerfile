# The service with its models. Built from this folder; nothing but the package registry is asked.
#   docker build -t quotes .
#   docker run --rm -v quotes:/data quotes quotes keys create "CMS of the desk" --scope write
#   docker run -p 8000:8000 -v quotes:/data quotes
FROM python:3.11-slim

# Where the packages come from, if not from pip's own default; one with a CPU build of torch makes a far smaller image.
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1 QUOTES_HOST=0.0.0.0 QUOTES_DATABASE=/data/quotes.sqlite

WORKDIR /opt/quotes
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY quotes quotes
COPY api api
COPY models models
RUN pip install --no-cache-dir --constraint constraints.txt --editable .

RUN useradd --create-home quotes && install --directory --owner=quotes /data
USER quotes
VOLUME /data
EXPOSE 8000
HEALTHCHECK --start-period=60s CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/livez')"]
CMD ["quotes", "serve"]
