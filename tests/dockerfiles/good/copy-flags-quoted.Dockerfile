FROM alpine
COPY --chown="1:1" '--chmod=755' a /a
COPY --exclude=a\ b -- --odd /b
