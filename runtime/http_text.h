/* Pieces of HTTP/1.1 text, for whoever reads requests or answers: strict, without
 * copies. Nothing here looks past its end or needs a terminating 0. */
#ifndef MDL_RUNTIME_HTTP_TEXT_H
#define MDL_RUNTIME_HTTP_TEXT_H

#include <stddef.h>

/* Bytes that belong to somebody else. */
typedef struct mdl_http_span {
    const char *at;
    size_t size;
} mdl_http_span;

/* A character of a token (RFC 9110, section 5.6.2). */
int mdl_http_is_token(char c);
/* Equal but for the case of letters; `word` is in lower case. */
int mdl_http_is(mdl_http_span s, const char *word);
/* Without blanks and tabs at both ends. */
mdl_http_span mdl_http_trim(mdl_http_span s);
/* Does a comma-separated list hold the word? */
int mdl_http_lists(mdl_http_span s, const char *word);
/* Take a line, which ends in CR LF, off `rest`. 1; 0: not whole yet; -1: a bare
 * CR, LF or NUL in it. */
int mdl_http_take_line(mdl_http_span *rest, mdl_http_span *line);

#endif
