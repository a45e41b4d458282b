using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;

namespace Gateway.Identity.Pages;

/// <summary>
/// A page of Identity: no script, nothing loaded from anywhere, never framed, never kept, and out of reach of whoever opened it: a workspace's page
/// shares our origin.
/// </summary>
internal static class IdentityPage
{
    private const string Style =
        ":root{color-scheme:light dark}body{margin:0;font:16px/1.5 system-ui,sans-serif;background:light-dark(#f6f7f9,#14161a);color:light-dark(#1b1f24,#e6e8eb)}"
        + "main{max-width:46rem;margin:0 auto;padding:2rem 1.5rem}h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse;width:100%}"
        + "td,th{text-align:left;padding:.4rem .6rem .4rem 0;border-bottom:1px solid light-dark(#d8dce2,#2c3138)}code{font:15px ui-monospace,monospace;overflow-wrap:anywhere}"
        + "code.secret{display:block;padding:1rem;background:light-dark(#fff,#1d2127);border:1px solid light-dark(#d8dce2,#2c3138)}form{margin:0}label{display:block;margin:.8rem 0}"
        + "input{font:inherit;padding:.35rem .5rem}button{font:inherit;padding:.35rem .9rem}a{color:light-dark(#0b5cad,#7db7ff)}small{opacity:.7}";

    private static readonly string ContentSecurityPolicy =
        $"default-src 'none'; style-src 'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(Style)))}'; "
        + "base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

    public static string Encode(string text) => HtmlEncoder.Default.Encode(text);

    /// <param name="context">Whose answer it is.</param>
    /// <param name="title">In plain text.</param>
    /// <param name="body">In HTML: what is not ours in it must be encoded.</param>
    public static Task WriteAsync(HttpContext context, string title, string body)
    {
        var response = context.Response;
        Guard(response);
        response.ContentType = "text/html; charset=utf-8";
        return response.WriteAsync($"""
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="robots" content="noindex">
            <title>{Encode(title)}</title>
            <style>{Style}</style>
            </head>
            <body>
            <main>
            <h1>{Encode(title)}</h1>
            {body}
            </main>
            </body>
            </html>
            """);
    }

    private static void Guard(HttpResponse response)
    {
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers.XFrameOptions = "DENY";
        response.Headers.ContentSecurityPolicy = ContentSecurityPolicy;
        response.Headers["Referrer-Policy"] = "no-referrer";
        // Not "same-origin": the opener to be cut off is of our own origin.
        response.Headers["Cross-Origin-Opener-Policy"] = "noopener-allow-popups";
        response.Headers["Cross-Origin-Resource-Policy"] = "same-origin";
    }
}
