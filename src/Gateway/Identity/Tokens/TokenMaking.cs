using System.Globalization;
using System.Security.Claims;
using Gateway.Identity.Pages;

namespace Gateway.Identity.Tokens;

/// <summary>Makes a token for a user who has just signed in for it, and shows it, once.</summary>
internal sealed class TokenMaking(PersonalTokens tokens, Audit audit, TimeProvider time) : IConfirmedAction
{
    public const string ActionName = "token";
    public const int LongestLabel = 60;

    public string Name => ActionName;

    public async Task CarryOutAsync(HttpContext context, ClaimsPrincipal user, string argument)
    {
        var wish = Wish.Parse(argument);
        var now = time.GetUtcNow();
        var token = PersonalToken.Of(user, wish.Label, now, now + TimeSpan.FromDays(wish.Days));
        if (await tokens.MakeAsync(token) is not { } text)
        {
            await RefusalResponse.WriteAsync(context, IdentityRefusals.TooManyTokens);
            return;
        }

        audit.TokenMade(context, user.GetUserId(), wish.Label);
        await IdentityPage.WriteAsync(context, "Your new token", $"""
            <p>Copy it now: it is not kept and will not be shown again.</p>
            <p><code class="secret">{text}</code></p>
            <p>For <b>{IdentityPage.Encode(wish.Label)}</b>, until {token.Expires.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)}. Use it as <code>Authorization: Bearer …</code>, never in an address.</p>
            <p><a href="{IdentityPaths.Tokens}">All your tokens</a></p>
            """);
    }

    /// <summary>What was asked for, as it travels in the sign-in's protected state.</summary>
    internal sealed record Wish(string Label, int Days)
    {
        public bool IsWithin(TimeSpan longest) =>
            Label.Length is > 0 and <= LongestLabel && !Label.Any(char.IsControl) && Days >= 1 && TimeSpan.FromDays(Days) <= longest;

        public static Wish Parse(string text)
        {
            var at = text.IndexOf('|', StringComparison.Ordinal);
            return new Wish(text[(at + 1)..], int.Parse(text.AsSpan(0, at), CultureInfo.InvariantCulture));
        }

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Days}|{Label}");
    }
}
