//! AES-GCM as others computed it, for nonces that are not 12 bytes long.

use super::super::*;

fn hex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|d| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap())
        .collect()
}

struct Vector {
    key: &'static str,
    nonce: &'static str,
    aad: &'static str,
    plaintext: &'static str,
    ciphertext: &'static str,
    tag: &'static str,
}

impl Vector {
    fn check(&self) {
        let cipher = Cipher::new(&hex(self.key)).unwrap();
        let (nonce, aad, tag) = (hex(self.nonce), hex(self.aad), hex(self.tag));
        let open = |aad: &[u8], tag: &[u8]| {
            let mut data = hex(self.ciphertext);
            let opened = cipher.decrypt(&nonce, aad, &mut data, tag.try_into().unwrap());
            opened.map(|()| data)
        };
        assert_eq!(open(&aad, &tag), Ok(hex(self.plaintext)), "{}", self.nonce);
        assert_eq!(open(b"else", &tag), Err(Failure::Tag));
        assert_eq!(open(&aad, &[0; 16]), Err(Failure::Tag));

        // As an `ENC[…]` text, where our limit and the grammar allow it.
        if nonce.len() > limits::NONCE_SIZE || self.ciphertext.is_empty() {
            return;
        }
        let text = format!(
            "ENC[AES256_GCM,data:{},iv:{},tag:{},type:str]",
            BASE64.encode(hex(self.ciphertext)),
            BASE64.encode(&nonce),
            BASE64.encode(&tag)
        );
        match cipher.open(text.as_bytes(), &aad, None) {
            Ok(Opened::Value(Value::String(text))) => {
                assert_eq!(text.as_bytes(), hex(self.plaintext));
            }
            _ => panic!("{text} is not opened"),
        }
    }
}

const PLAINTEXT: &str = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
const AAD: &str = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
const KEY_128: &str = "feffe9928665731c6d6a8f9467308308";
const KEY_192: &str = "feffe9928665731c6d6a8f9467308308feffe9928665731c";
const KEY_256: &str = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
const NONCE_8: &str = "cafebabefacedbad";
const NONCE_60: &str = "9313225df88406e555909c5aff5269aa6a7a9538534f7da1e4c303d2a318a728c3c0c95156809539fcf0e2429a6b525416aedbf5a0de6a57a637b39b";

/// McGrew and Viega, "The Galois/Counter Mode of Operation (GCM)", appendix
/// B: test cases 5, 6, 11, 12, 17 and 18, whose nonces have 8 and 60 bytes.
#[test]
fn gcm_specification() {
    for (key, nonce, ciphertext, tag) in [
        (
            KEY_128,
            NONCE_8,
            "61353b4c2806934a777ff51fa22a4755699b2a714fcdc6f83766e5f97b6c742373806900e49f24b22b097544d4896b424989b5e1ebac0f07c23f4598",
            "3612d2e79e3b0785561be14aaca2fccb",
        ),
        (
            KEY_128,
            NONCE_60,
            "8ce24998625615b603a033aca13fb894be9112a5c3a211a8ba262a3cca7e2ca701e4a9a4fba43c90ccdcb281d48c7c6fd62875d2aca417034c34aee5",
            "619cc5aefffe0bfa462af43c1699d050",
        ),
        (
            KEY_192,
            NONCE_8,
            "0f10f599ae14a154ed24b36e25324db8c566632ef2bbb34f8347280fc4507057fddc29df9a471f75c66541d4d4dad1c9e93a19a58e8b473fa0f062f7",
            "65dcc57fcf623a24094fcca40d3533f8",
        ),
        (
            KEY_192,
            NONCE_60,
            "d27e88681ce3243c4830165a8fdcf9ff1de9a1d8e6b447ef6ef7b79828666e4581e79012af34ddd9e2f037589b292db3e67c036745fa22e7e9b7373b",
            "dcf566ff291c25bbb8568fc3d376a6d9",
        ),
        (
            KEY_256,
            NONCE_8,
            "c3762df1ca787d32ae47c13bf19844cbaf1ae14d0b976afac52ff7d79bba9de0feb582d33934a4f0954cc2363bc73f7862ac430e64abe499f47c9b1f",
            "3a337dbf46a792c45e454913fe2ea8f2",
        ),
        (
            KEY_256,
            NONCE_60,
            "5a8def2f0c9e53f1f75d7853659e2a20eeb2b22aafde6419a058ab4f6f746bf40fc0c3b780f244452da3ebf1c5d82cdea2418997200ef82e44ae7e3f",
            "a44a8266ee1c8eb0c8b5d4cf5ae9f19a",
        ),
    ] {
        Vector {
            key,
            nonce,
            aad: AAD,
            plaintext: PLAINTEXT,
            ciphertext,
            tag,
        }
        .check();
    }
}

/// NIST CAVP, `gcmtestvectors.zip`: `gcmEncryptExtIV128.rsp` and
/// `gcmDecrypt128.rsp`, with nonces of 8 bits and of 1024.
#[test]
fn nist_cavp() {
    let vectors = [
        // [IVlen = 8] [PTlen = 128] [AADlen = 0] [Taglen = 128]
        Vector {
            key: "15b2d414826453f9e1c7dd0b69d8d1eb",
            nonce: "b6",
            aad: "",
            plaintext: "8cfa255530c6fbc19d51bd4aeb39c91b",
            ciphertext: "4822cb98bd5f5d921ee19285c9032375",
            tag: "8a40670ebac98cf4e9cc1bf8f803167d",
        },
        // [IVlen = 1024] [PTlen = 128] [AADlen = 0] [Taglen = 128]
        Vector {
            key: "71eebc49c8fb773b2224eaff3ad68714",
            nonce: "07e961e67784011f72faafd95b0eb64089c8de15ad685ec57e63d56e679d3e202b18b75fcbbec3185ffc41653bc2ac4ae6ae8be8c85636f353a9d19a86100d0bd035cc6bdefcab4318ac7b1a08b819427ad8f6abc782466c6ebd4d6a0dd76e78389b0a2a66506bb85f038ffc1da220c24f3817c7b2d02c5e8fc5e7e3be5074bc",
            aad: "",
            plaintext: "705da82292143d2c949dc4ba014f6396",
            ciphertext: "032363cf0828a03553478bec0f51f372",
            tag: "c681b2c568feaa21900bc44b86aeb946",
        },
        // [IVlen = 1024] [PTlen = 128] [AADlen = 128] [Taglen = 128]
        Vector {
            key: "12fe7dc72949c5175db64c0bf92944c7",
            nonce: "8a9ebcb4ea47249a87dc2751aaa0114ba44441be49815cc05a2d42925f356e1e34ae5b30092d3cd1af79153872c6ad8e64f1d2241037fe18758ea696fa52e33ceabf4f4f6f4a77f32c4c3fd36fdd692d597978684feb0fc66d19d00906c6c6835fe6c4b8d4573c0eece4f1de85e0f5ae105485f6b2db4c821980a28d41f2f155",
            aad: "a62d96ac6b4acdae784e4748cfe837fc",
            plaintext: "498255c2c186a7792dfd1a613c0b434d",
            ciphertext: "dd192ba4d1d9967fb9d8fd559307b1de",
            tag: "4528b211ba29af8f06d4d1388fbc549a",
        },
        // [IVlen = 1024] [PTlen = 0] [AADlen = 0] [Taglen = 128]
        Vector {
            key: "6e3a3b7b1cc98c1fa4754a7d63547427",
            nonce: "0c87956a3ed77f63a98a97b7e6fb58bf6a4426977c3a0a6409b79e1c536229e229bb69eb376563b168c1823dc2e3d9988a0f843b4d9b872f9119bbc00e3146605c4b1ca715b9e272e59298905ad1abd3b0981969028f94441223ff927419c17156d0110f165539a883ece07d6a81d00d5aa52fa443e97ee05e79a7183de46176",
            aad: "",
            plaintext: "",
            ciphertext: "",
            tag: "8dcd0426704986f4fe7257288466f2b5",
        },
    ];
    for vector in &vectors {
        vector.check();
    }
}
