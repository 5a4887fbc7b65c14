ARG URL=http://localhost:8000
FROM scratch
ARG URL
ADD $URL/file.txt a.txt /file
