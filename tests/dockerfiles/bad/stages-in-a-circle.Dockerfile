FROM alpine AS one
COPY --from=two /a /b
FROM alpine AS two
COPY --from=three /a /b
FROM alpine AS three
COPY --from=one /a /b
FROM alpine AS self
COPY --from=self /a /b
