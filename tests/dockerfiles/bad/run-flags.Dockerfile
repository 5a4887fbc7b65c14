FROM alpine
RUN --network=hots a
RUN --security=x a
RUN --mount=type=cach,target=/x a
RUN --mount=type=bind,sharing=locked,target=/x a
RUN --mount=from=$x,target=/y a
RUN --mount=type=tmpfs,size=big,target=/z a
RUN --device=a,name=b a
