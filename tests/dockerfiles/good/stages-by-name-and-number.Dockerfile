FROM alpine AS one
COPY a /a
FROM alpine AS two
COPY --from=0 /a /b
FROM one
COPY --from=TWO /b /c
COPY --from=1 /b /d
