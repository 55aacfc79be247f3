# gan-bench with what it needs. By default it runs the main job at scale tiny, in a minute and without a network:
#
#   docker build -t gan-bench .
#   docker run --rm gan-bench
#
# At another scale, with the store and the reports kept on the host:
#
#   docker run --rm -v "$PWD/runs:/home/bench/runs" -v "$PWD/reports:/home/bench/reports" \
#     gan-bench run pooling --scale small
FROM python:3.11-slim

WORKDIR /src
COPY pyproject.toml setup.py gan_bench.py README.md LICENSE constraints.txt ./
COPY bench bench
COPY baselines baselines
COPY ablations ablations
RUN pip install --no-cache-dir --constraint constraints.txt .

RUN useradd --create-home bench
USER bench
WORKDIR /home/bench
ENTRYPOINT ["bench"]
CMD ["run", "pooling", "--scale", "tiny"]
