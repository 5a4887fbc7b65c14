FROM alpine
RUN a && \
    b
RUN ["a", "b"]
RUN
RUN [ -f x ] && y
RUN --network=none --security=sandbox a
RUN --device=vendor.com/class=name,required a
RUN --mount=type=cache,target=/c,id=x,sharing=locked,mode=0755,uid=1,gid=2 \
    --mount=type=bind,source=a,target=/a,rw \
    --mount=type=secret,id=s,required=true,env=S \
    --mount=type=ssh,required --mount=type=tmpfs,dst=/t,size=64m \
    --mount=from=busybox,source=/bin,dst=/bb a
