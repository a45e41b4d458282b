using Microsoft.AspNetCore.Authentication.Cookies;

namespace Gateway.Identity;

/// <summary>
/// The gateway's cookies. A workspace shares our origin, so it must never see one, and on https the <c>__Host-</c> prefix keeps sibling hosts from
/// setting one. The forwarder strips every cookie that <see cref="IsOurs"/> names.
/// </summary>
internal static class IdentityCookies
{
    public const string Plain = "gateway";
    public const string Host = "__Host-gateway";
    public const string Correlation = "gateway.sign-in.";
    public const string Nonce = "gateway.nonce.";
    public const string Form = "gateway.form";
    public const string Console = "gateway.console";
    public const string ConsoleHost = "__Host-gateway.console";

    /// <summary>A cookie is ours when its name is <see cref="Plain"/> or begins with one of these.</summary>
    public static readonly string[] Prefixes = [Host, "gateway."];

    // A browser keeps a pair of these for each sign-in begun and not finished.
    private const int MaximumPending = 6;

    public static bool IsOurs(string name) => name == Plain || Prefixes.Any(prefix => name.StartsWith(prefix, StringComparison.Ordinal));

    public static string SignInName(HttpRequest request) => request.IsHttps ? Host : Plain;

    public static bool HasSignIn(HttpRequest request) => request.Cookies.ContainsKey(SignInName(request));

    /// <summary>Forgets abandoned sign-ins, so that they never pile up into headers too large to send.</summary>
    public static void ForgetPending(HttpContext context)
    {
        var pending = context.Request.Cookies.Keys.Where(IsPending).ToList();
        if (pending.Count <= MaximumPending)
        {
            return;
        }

        foreach (var name in pending)
        {
            context.Response.Cookies.Delete(name, new CookieOptions { Path = "/", HttpOnly = true, Secure = context.Request.IsHttps, SameSite = SameSiteMode.Lax });
        }
    }

    private static bool IsPending(string name) =>
        name.StartsWith(Correlation, StringComparison.Ordinal) || name.StartsWith(Nonce, StringComparison.Ordinal);
}

/// <summary>Names the sign-in cookie by the request's scheme. Never chunks: the cookie is a handle.</summary>
internal sealed class SignInCookie : ICookieManager
{
    // Not on the callback: the cookie handler would give a new sign-in the handle of the old one, which somebody else may have planted.
    public string? GetRequestCookie(HttpContext context, string key) =>
        context.Request.Path == IdentityPaths.Callback ? null : context.Request.Cookies[IdentityCookies.SignInName(context.Request)];

    public void AppendResponseCookie(HttpContext context, string key, string? value, CookieOptions options) =>
        context.Response.Cookies.Append(IdentityCookies.SignInName(context.Request), value ?? "", AtRoot(options));

    public void DeleteCookie(HttpContext context, string key, CookieOptions options) =>
        context.Response.Cookies.Delete(IdentityCookies.SignInName(context.Request), AtRoot(options));

    // __Host- demands the root path and no domain.
    private static CookieOptions AtRoot(CookieOptions options) => new(options) { Path = "/", Domain = null };
}
