FROM alpine AS a
CMD ["a", "b c", "$d", "\u00fc\n"]
FROM alpine AS b
CMD a "b c" $d
FROM alpine AS c
CMD []
FROM alpine AS d
CMD [ "not json' ]
FROM alpine AS e
CMD
FROM alpine
CMD ["a"] b
