using System.Buffers.Text;
using System.Security.Claims;
using System.Security.Cryptography;
using Gateway.Identity.Pages;
using Gateway.Identity.Tokens;
using Microsoft.Extensions.Options;

namespace Gateway.Identity.Devices;

/// <summary>The two codes a device was given.</summary>
internal sealed record DeviceCodes(string DeviceCode, string UserCode, TimeSpan Lifetime, TimeSpan Interval);

/// <summary>
/// Device authorization (RFC 8628): a program without a browser shows a code, a person who signs in afresh elsewhere approves it, and the program's next
/// poll is given an access token of that person's. The token is made by that poll, so it is kept nowhere until then.
/// </summary>
internal sealed class DeviceSignIns(IDeviceStore store, PersonalTokens tokens, Audit audit, TimeProvider time, IOptions<IdentityOptions> options) : IConfirmedAction
{
    public const string ActionName = "device";

    private const int MostTyped = 20;

    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    public string Name => ActionName;

    public async Task<DeviceCodes> BeginAsync(string client, string source)
    {
        var request = new DeviceRequest(client, source, time.GetUtcNow());
        while (true)
        {
            var codes = new DeviceCodes(Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32)), UserCode.New(), Lifetime, Interval);
            if (await store.AddAsync(CredentialId.Of(codes.DeviceCode), codes.UserCode, request, Lifetime, Interval))
            {
                return codes;
            }
        }
    }

    /// <summary>Whether the user has typed so many codes that they are guessing.</summary>
    public async Task<bool> IsGuessingAsync(UserId user) => await store.CountTypedAsync(user, Lifetime) > MostTyped;

    public Task<DeviceRequest?> FindAsync(string userCode) => store.FindAsync(userCode);

    public Task<bool> DenyAsync(string userCode) => store.DecideAsync(userCode, null);

    /// <summary>The user has just signed in for this: the code is approved in their name.</summary>
    public async Task CarryOutAsync(HttpContext context, ClaimsPrincipal user, string argument)
    {
        var now = time.GetUtcNow();
        var request = await store.FindAsync(argument);
        if (request is null || !await store.DecideAsync(argument, PersonalToken.Of(user, "Device: " + request.Client, now, now + options.Value.DeviceTokenLifetime)))
        {
            await RefusalResponse.WriteAsync(context, IdentityRefusals.NoSuchUserCode);
            return;
        }

        audit.DeviceDecided(context, user.GetUserId(), "approved", request.Client);
        await IdentityPage.WriteAsync(context, "Signed in", $"""
            <p><b>{IdentityPage.Encode(request.Client)}</b> is signed in as {IdentityPage.Encode(user.GetUserId().Value)} and goes on by itself. You can close this page.</p>
            <p>It is listed among <a href="{IdentityPaths.Tokens}">your tokens</a>, where you can revoke it.</p>
            """);
    }

    /// <summary>The token's text beside what the poll came to.</summary>
    public async Task<(DevicePoll Poll, string? Token)> PollAsync(string deviceCode)
    {
        var poll = await store.PollAsync(CredentialId.Of(deviceCode));
        if (poll.Token is null)
        {
            return (poll, null);
        }

        return await tokens.MakeAsync(poll.Token) is { } text ? (poll, text) : (new DevicePoll(DevicePollKind.AccessDenied), null);
    }

    public static string ErrorOf(DevicePollKind kind) => kind switch
    {
        DevicePollKind.AuthorizationPending => "authorization_pending",
        DevicePollKind.SlowDown => "slow_down",
        DevicePollKind.AccessDenied => "access_denied",
        DevicePollKind.ExpiredToken => "expired_token",
        DevicePollKind.InvalidGrant => "invalid_grant",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "No error."),
    };
}
