FROM scratch
ENV ONLY=config
