ARG URL=http://localhost:8000
FROM scratch
ARG URL
ADD $URL/ /directory/
